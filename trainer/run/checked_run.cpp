#include "run/checked_run.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/field_error.h"
#include "config/families.h"
#include "config/field_list.h"
#include "data/dataset.h"
#include "diagnostics/features/sample_features.h"
#include "diagnostics/metrics/precision_recall.h"
#include "networks/registry.h"

namespace allmodes::run {
namespace {

class Checker {
 public:
  // `facts`: of data that need not be read.
  explicit Checker(CheckedRun& run, std::optional<objectives::DataFacts> facts = std::nullopt)
      : run_(run), facts_(std::move(facts)) {}

  void check() {
    check_dataset();
    for (const auto& [path, network, twice] : config::family_networks(run_.config()))
      check_network(*network, path);
    check_objective();
    check_diagnostics();
    sort_by_place();
  }

 private:
  // Adds a problem, unless one was said of that field or of one inside it; whether it did.
  bool refuse(const std::string& path, const std::string& message) {
    const bool said =
        std::any_of(run_.loaded.problems.begin(), run_.loaded.problems.end(), [&](const auto& p) {
          return p.path.starts_with(path) && (p.path.size() == path.size() ||
                                              std::strchr(".[", p.path[path.size()]) != nullptr);
        });
    if (said) return false;
    const auto& source = run_.loaded.source;
    run_.loaded.problems.push_back({path, message, source.place(path), source.position(path)});
    return true;
  }

  void sort_by_place() {
    std::stable_sort(run_.loaded.problems.begin(), run_.loaded.problems.end(),
                     [](const auto& a, const auto& b) { return a.position < b.position; });
  }

  template <typename Names>
  static std::vector<std::string> strings(const Names& names) {
    return {names.begin(), names.end()};
  }

  // Fields of `prefix` that were given another value than their default although `owner` does not
  // read them. (A default that was written, as in a resolved configuration, does no harm.)
  void check_unread(const std::string& prefix, const std::vector<std::string>& changed,
                    const std::vector<std::string>& read, const std::string& owner) {
    for (const auto& field : changed) {
      if (std::find(read.begin(), read.end(), field) == read.end()) {
        refuse(prefix + "." + field, fmt::format("{} does not read '{}'; it reads: {}", owner,
                                                 field, fmt::join(read, ", ")));
      }
    }
  }

  void check_dataset() {
    const auto& data = run_.config().data;
    const auto names = strings(data::dataset_names());
    if (std::find(names.begin(), names.end(), data.dataset) == names.end()) {
      refuse("data.dataset", config::unknown_name("data set", data.dataset, names));
      return;
    }
    check_unread("data", config::changed_fields(data), strings(data::dataset_fields(data.dataset)),
                 fmt::format("data set '{}'", data.dataset));
    const auto fields = data::dataset_fields(data.dataset);
    if (facts_ && std::find(fields.begin(), fields.end(), "path") != fields.end()) return;
    try {
      run_.dataset = data::make_dataset(data, run_.config().seed);
    } catch (const Error& error) {
      // The field that the error knows, else the file. MNIST's labels are found beside its images.
      const auto* known = dynamic_cast<const FieldError*>(&error);
      const bool beside = known != nullptr && known->field() == "labels" && data.labels.empty();
      const std::string field = error.code() == ExitCode::kConfiguration ? ""
                                : known != nullptr && !beside            ? "." + known->field()
                                                                         : ".path";
      if (refuse("data" + field, error.what())) run_.data_failure = error.code();
    }
  }

  void check_network(const config::Network& network, const std::string& path) {
    if (!network.layers.empty()) return;
    const auto names = strings(networks::architecture_names());
    if (std::find(names.begin(), names.end(), network.architecture) == names.end()) {
      refuse(path + ".architecture",
             config::unknown_name("architecture", network.architecture, names));
      return;
    }
    auto changed = config::changed_fields(network);
    std::erase(changed, "architecture");
    check_unread(path, changed, strings(networks::architecture_fields(network.architecture)),
                 fmt::format("architecture '{}'", network.architecture));
  }

  void check_objective() {
    // Without data the names are checked all the same, and what depends on the shape is not.
    const objectives::DataFacts stand_in{
        .shape = {.channels = 1, .height = 28, .width = 28, .image = true}, .classes = 10};
    if (run_.dataset) facts_ = objectives::facts_of(*run_.dataset);
    std::vector<objectives::ConfigurationError> errors;
    auto objective = objectives::make_objective(run_.config(), facts_ ? *facts_ : stand_in, errors);
    for (const auto& error : errors)
      if (facts_ || !error.depends_on_shape) refuse(error.path, error.message);
    if (!facts_) return;
    run_.objective = std::move(objective);
    run_.facts = *facts_;
    if (!run_.dataset) return;
    run_.existing_classes = run_.dataset->existing_classes();
    run_.sample_dimensions = run_.dataset->sample_dimensions();
    if (const auto* scale = run_.dataset->column_scale()) {
      run_.column_means = scale->mean;
      run_.column_deviations = scale->deviation;
    }
  }

  void check_diagnostics() {
    const auto& diagnostics = run_.config().diagnostics;
    if (diagnostics.sample_metrics == "off" || !run_.dataset) return;
    const auto complaint = diagnostics::features_complaint(
        {diagnostics.sample_metrics, diagnostics.feature_weights, diagnostics.feature_protocol},
        run_.dataset->shape(), run_.dataset->classes());
    if (!complaint.empty()) refuse("diagnostics.sample_metrics", complaint);
    const int64_t most = diagnostics::Neighborhood{}.largest();
    if (std::min(diagnostics.samples, run_.dataset->size()) <= most)
      refuse("diagnostics.sample_metrics",
             fmt::format("more than {} samples are needed, of the data and an evaluation", most));
  }

  CheckedRun& run_;
  std::optional<objectives::DataFacts> facts_;
};

}  // namespace

ExitCode CheckedRun::exit_code() const {
  if (good()) return ExitCode::kOk;
  return loaded.problems.size() == 1 ? data_failure.value_or(ExitCode::kConfiguration)
                                     : ExitCode::kConfiguration;
}

CheckedRun check_run(config::Loaded loaded) {
  CheckedRun run;
  run.loaded = std::move(loaded);
  Checker(run).check();
  return run;
}

CheckedRun check_run(const std::string& file, const std::vector<std::string>& overrides) {
  return check_run(config::load(file, overrides));
}

CheckedRun check_text(const std::string& text, const std::string& name) {
  return check_run(config::parse(text, name));
}

CheckedRun check_text(const std::string& text, const std::string& name,
                      const objectives::DataFacts& facts) {
  CheckedRun run;
  run.loaded = config::parse(text, name);
  Checker(run, facts).check();
  return run;
}

std::string problems_text(const config::Loaded& loaded) {
  std::string text;
  for (const auto& problem : loaded.problems)
    text += fmt::format("{}: {}\n", problem.where, problem.message);
  return text;
}

std::string hexadecimal(uint64_t fingerprint) {
  return fmt::format("{:016x}", fingerprint);
}

}  // namespace allmodes::run

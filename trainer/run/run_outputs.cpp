#include "run/run_outputs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "config/field_list.h"
#include "records/json_lines.h"
#include "records/status_file.h"
#include "records/tensorboard_sink.h"
#include "report/report_sink.h"
#include "run/figures.h"

namespace allmodes::run {
namespace {

std::string name_of_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

records::Status first_status(const CheckedRun& run, const checkpoints::State* resumed, int ranks) {
  const std::string host = name_of_host();
  records::Status status{.run = run.config().name,
                         .stage = {},
                         .steps = static_cast<uint64_t>(run.config().steps),
                         .state = {},
                         .kind = {},
                         .ranks = ranks,
                         .hosts = {host},
                         .host = host,
                         .pid = ::getpid()};
  if (resumed == nullptr) return status;
  status.step = resumed->step;
  status.samples = resumed->samples;
  if (!resumed->verdicts.empty()) {
    status.state = resumed->verdicts.back().state;
    status.kind = resumed->verdicts.back().kind;
    status.verdict_step = resumed->verdicts.back().step;
  }
  return status;
}

// What tells this run from others: the fields of its family, and others not at their default.
std::vector<records::EventSetting> settings_of(const config::RunConfig& config) {
  std::set<std::string> values;
  for (const auto& field : config::values_of(config)) values.insert(field.path);
  std::vector<records::EventSetting> settings;
  for (const auto& difference : config::differences(config::RunConfig(), config))
    if (values.contains(difference.path) && !difference.after.empty())
      settings.push_back({difference.path, difference.after});
  return settings;
}

}  // namespace

std::unique_ptr<records::Sink> open_outputs(const records::RunFolder& folder, const CheckedRun& run,
                                            const checkpoints::State* resumed, int ranks,
                                            records::OptionalWork& work) {
  std::optional<records::Continuation> continued;
  if (resumed != nullptr) {
    continued =
        records::Continuation{.step = resumed->step, .rollbacks = std::ssize(resumed->rollbacks)};
  }
  auto outputs = std::make_unique<records::FanOut>(
      std::make_unique<records::JsonLinesSink>(folder.records(), continued), work);
  outputs->add("status.json", [&] {
    return std::make_unique<records::StatusSink>(folder.status(),
                                                 first_status(run, resumed, ranks));
  });
  if (run.config().records.tensorboard) {
    outputs->add("TensorBoard's event file", [&] {
      return std::make_unique<records::TensorBoardSink>(
          folder, name_of_host(), config::print(run.config()), settings_of(run.config()),
          continued ? std::optional(continued->step) : std::nullopt);
    });
  }
  outputs->add("report.html",
               [&] { return std::make_unique<report::ReportSink>(folder.root, figure_tables()); });
  return outputs;
}

void show_coverage(const records::Record& evaluation, size_t missing, records::Progress& progress) {
  if (const auto all = evaluation.number("modes_total"))
    progress.evaluated("modes", std::max(0.0, *all - static_cast<double>(missing)), *all);
  else if (const auto coverage = evaluation.number("coverage"))
    progress.evaluated("coverage", *coverage, 1);
}

}  // namespace allmodes::run

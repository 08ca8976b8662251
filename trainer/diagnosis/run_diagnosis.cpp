#include "diagnosis/run_diagnosis.h"

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "checkpoints/manifest.h"
#include "diagnosis/output.h"
#include "diagnostics/collectors/collector.h"
#include "records/run_folder.h"
#include "run/agreement.h"
#include "run/checked_run.h"
#include "training/average_buffers.h"
#include "training/snapshot.h"
#include "world/device.h"

namespace allmodes::diagnosis {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> chosen_checkpoints(const DiagnoseRunOptions& options) {
  const auto all = checkpoints::list_checkpoints(records::RunFolder{options.run}.checkpoints());
  if (all.empty()) {
    ALLMODES_FAIL(ExitCode::kNoInput,
                  "--run {}: no checkpoint in it; name a run's folder, as runs/00000-NAME",
                  options.run);
  }
  std::vector<fs::path> chosen;
  if (options.step == "newest") return {all.back().second};
  for (const auto& [step, folder] : all)
    if (options.step == "all" || options.step == std::to_string(step)) chosen.push_back(folder);
  if (chosen.empty()) {
    std::vector<uint64_t> steps;
    for (const auto& [step, folder] : all) steps.push_back(step);
    ALLMODES_FAIL(ExitCode::kNoInput, "--step {}: the run's checkpoints are of the steps {}",
                  options.step, fmt::join(steps, ", "));
  }
  return chosen;
}

// The same folders on every rank, also while the run goes on and removes some.
std::vector<fs::path> agreed_checkpoints(world::Communicator& control,
                                         const DiagnoseRunOptions& options) {
  std::string text;
  if (control.rank() == 0)
    for (const auto& folder : chosen_checkpoints(options)) text += folder.string() + "\n";
  std::istringstream lines(run::from_root(control, text));
  std::vector<fs::path> folders;
  for (std::string line; std::getline(lines, line);) folders.emplace_back(line);
  return folders;
}

// A checkpoint that rank 0 alone reads; what it says of itself is on every rank.
struct SharedCheckpoint {
  fs::path folder;
  std::optional<checkpoints::Opened> read;  // on rank 0
  checkpoints::State state;
};

// Collective.
SharedCheckpoint open_shared(const fs::path& folder, world::Communicator& control) {
  SharedCheckpoint shared{.folder = folder, .read = {}, .state = {}};
  std::string text;
  if (control.rank() == 0) {
    shared.read = checkpoints::open(folder);
    text = checkpoints::encode_manifest({shared.read->state, {}});
  }
  shared.state = checkpoints::decode_manifest(run::from_root(control, text), folder.string()).state;
  return shared;
}

// Figures that are means over samples or codes.
constexpr const char* kMeans[] = {"r2_mean",      "decoder_sensitivity", "kl_total",
                                  "active_units", "aggregate_kl",        "aggregate_discrepancy"};
constexpr double kFewestOfPart = 20;  // samples

// What the checkpoints of one configuration are measured with.
class RunDiagnosis {
 public:
  RunDiagnosis(const SharedCheckpoint& checkpoint, const DiagnoseRunOptions& options,
               world::Communicator& control, world::Communicator& exchange)
      : options_(options.diagnose),
        control_(control),
        alone_(world::make_self_communicator()),
        text_(checkpoint.state.config),
        run_(run::check_text(text_, (checkpoint.folder / "manifest.pb").string())) {
    if (!run_.good()) throw Error(run_.exit_code(), run::problems_text(run_.loaded));
    const auto& config = run_.config();
    if (options.own_samples) options_.samples = config.diagnostics.samples;
    const diagnostics::CollectorSetup setup{config,  *run_.objective, *run_.dataset,
                                            control, exchange,        at::kCPU};
    collectors_ = diagnostics::make_collectors(setup);
    held_out_ = diagnostics::held_out_for(*run_.objective, config);
    // Reals beyond those there are would be copies.
    reals_ = choose_samples(*run_.dataset, config.data.dataset, options_.samples, options_.seed);
    // Principal components of other reals, where there are as many.
    const bool more = run_.dataset->size() >= 2 * reals_.count;
    const DiagnosedSamples others = more ? choose_samples(*run_.dataset, config.data.dataset,
                                                          reals_.count, options_.seed, reals_.count)
                                         : reals_;
    features_ = features_for(options_, diagnostics::classifier_setup(setup),
                             {others.values, others.shape.values()}, "");
  }

  // Whether it measures this checkpoint, too.
  bool fits(const SharedCheckpoint& checkpoint) const { return checkpoint.state.config == text_; }

  const DiagnosedSamples& reals() const { return reals_; }

  Diagnosis measure(const SharedCheckpoint& checkpoint, DiagnosedSamples& fakes) {
    const auto& state = checkpoint.state;
    if (state.data_fingerprint != run_.dataset->fingerprint()) {
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{} was made on a data set of fingerprint {}, which is now {}",
                    checkpoint.folder.string(), run::hexadecimal(state.data_fingerprint),
                    run::hexadecimal(run_.dataset->fingerprint()));
    }
    const at::NoGradGuard no_grad;
    const auto& config = run_.config();
    training::Model model(*run_.objective, config, at::Device(at::kCPU), *alone_);
    training::restore(model, checkpoint.read ? &*checkpoint.read : nullptr, control_);
    const auto forward =
        training::averaged_forward(model, *run_.objective, *run_.dataset, config.seed);
    const diagnostics::Evaluation evaluation{*run_.objective, forward,          *run_.dataset,
                                             control_,        at::kCPU,         config.seed,
                                             state.step,      options_.samples, held_out_.get()};
    const auto generated = diagnostics::generate_chunks(evaluation);
    records::Record record{.kind = "evaluation",
                           .step = state.step,
                           .samples = state.samples,
                           .time_s = state.trained_seconds,
                           .values = {}};
    record.set("evaluated_samples", evaluation.made());
    diagnostics::Evidence evidence{.step = state.step};
    diagnostics::collect_all(collectors_, evaluation, generated, record, evidence);
    if (evidence.modes) {
      config::Verdict levels = config.verdict;
      levels.significance = diagnostics::test_level(evidence, config.verdict);
      diagnostics::record_histogram(*evidence.modes, levels, record);
    }
    fakes = gathered(generated, evaluation.made());
    Diagnosis diagnosis = judged(fakes, std::move(evidence));
    diagnosis.evaluation = records::to_json(record);
    add_figures(record, intervals_of(forward, record, diagnosis.evidence), diagnosis);
    diagnosis.config = config;
    return diagnosis;
  }

 private:
  Diagnosis judged(const DiagnosedSamples& fakes, diagnostics::Evidence evidence) {
    config::Verdict levels = run_.config().verdict;
    levels.grace_steps = 0;
    if (evidence.nonfinite_samples == 0)
      return diagnose_samples(control_, reals_, fakes, features_, options_, std::move(evidence),
                              levels);
    // What is not a number has no distances.
    Diagnosis diagnosis;
    diagnosis.features = features_.description();
    diagnosis.samples = fakes.count;
    levels.confirmations = 1;
    diagnosis.verdict = diagnostics::judge(evidence, {}, levels);
    diagnosis.evidence = std::move(evidence);
    return diagnosis;
  }

  // All ranks' chunks on every rank.
  DiagnosedSamples gathered(const std::vector<diagnostics::GeneratedChunk>& generated,
                            int64_t count) {
    DiagnosedSamples samples{.source = "the generator",
                             .shape = run_.dataset->shape(),
                             .values = {},
                             .labels = {},
                             .class_names = {},
                             .count = count};
    const auto width = static_cast<size_t>(samples.shape.values());
    samples.values.assign(static_cast<size_t>(count) * width, 0.0F);
    for (const auto& chunk : generated) {
      const auto* from = chunk.samples.data_ptr<float>();
      std::copy_n(from, chunk.samples.numel(),
                  samples.values.begin() +
                      static_cast<std::ptrdiff_t>(static_cast<size_t>(chunk.first) * width));
    }
    world::all_reduce_host(control_, std::span<float>(samples.values), world::ReduceOp::sum);
    return samples;
  }

  using Intervals = std::map<std::string, diagnostics::Interval>;

  // Of what the collectors measure. Means over samples and codes: from ten further evaluations of a
  // tenth of the samples, whose noise and real samples are all others.
  Intervals intervals_of(const objectives::Forward& forward, const records::Record& whole,
                         const diagnostics::Evidence& evidence) {
    Intervals intervals;
    const auto samples = whole.number("evaluated_samples").value_or(0);
    if (const auto quality = whole.number("high_quality"); quality && samples >= 1)
      intervals["high_quality"] =
          diagnostics::interval_of_share(std::llround(*quality * samples), std::llround(samples));
    if (const auto covered = whole.number("modes_covered"); covered && evidence.modes)
      intervals["modes_covered"] = interval_of_modes_covered(
          *covered, evidence.good_modes ? *evidence.good_modes : *evidence.modes);
    if (!run_.objective->encodes() || samples < 10 * kFewestOfPart) return intervals;
    std::map<std::string, std::vector<double>> parts;
    records::Record last;
    for (uint64_t part = 1; part <= diagnostics::kJackknifeGroups; ++part) {
      last = measured_part(forward, whole, static_cast<int64_t>(samples) / 10, part);
      for (const char* name : kMeans)
        if (const auto value = last.number(name)) parts[name].push_back(*value);
    }
    for (const auto& [name, values] : parts) {
      const auto value = whole.number(name);
      if (!value || values.size() != diagnostics::kJackknifeGroups) continue;
      const char* rows =
          name == "aggregate_discrepancy" ? "aggregate_samples" : "evaluated_samples";
      intervals[name] = diagnostics::interval_of_parts(
          *value, values, last.number(rows).value_or(1) / whole.number(rows).value_or(1));
    }
    return intervals;
  }

  records::Record measured_part(const objectives::Forward& forward, const records::Record& whole,
                                int64_t samples, uint64_t part) {
    const diagnostics::Evaluation evaluation{*run_.objective, forward,  *run_.dataset,
                                             control_,        at::kCPU, run_.config().seed + part,
                                             whole.step,      samples,  held_out_.get()};
    records::Record record{.kind = "evaluation", .step = whole.step, .values = {}};
    record.set("evaluated_samples", evaluation.made());
    diagnostics::Evidence evidence{.step = whole.step};
    const auto generated = diagnostics::generate_chunks(evaluation);
    for (const auto& each : collectors_)
      if (each.name == "reconstruction" || each.name == "latent" || each.name == "aggregate")
        each.collector->collect(evaluation, generated, record, evidence);
    return record;
  }

  // What a sampler cannot show.
  static void add_figures(const records::Record& record, const Intervals& intervals,
                          Diagnosis& diagnosis) {
    for (const char* name : {"modes_covered", "high_quality", "r2_mean", "decoder_sensitivity",
                             "kl_total", "active_units", "aggregate_kl", "aggregate_discrepancy"}) {
      const auto value = record.number(name);
      if (!value) continue;
      diagnosis.lines.push_back({name, *value});
      if (const auto found = intervals.find(name); found != intervals.end())
        diagnosis.lines.back().interval = found->second;
    }
  }

  DiagnoseOptions options_;
  world::Communicator& control_;
  std::unique_ptr<world::Communicator> alone_;
  std::string text_;
  run::CheckedRun run_;
  std::vector<diagnostics::NamedCollector> collectors_;
  std::unique_ptr<data::Dataset> held_out_;
  DiagnosedSamples reals_;
  diagnostics::FeatureMap features_;
};

}  // namespace

int diagnose_run(const DiagnoseRunOptions& options, world::Runtime& runtime) {
  world::Communicator& control = runtime.control();
  const bool root = control.rank() == 0;
  const auto exchange = world::make_device_communicator(control, runtime.world(), {});
  const fs::path out(options.out.empty() ? options.run + "/diagnosis" : options.out);
  std::unique_ptr<RunDiagnosis> run;
  diagnostics::State state = diagnostics::State::healthy;
  for (const auto& folder : agreed_checkpoints(control, options)) {
    const auto checkpoint = open_shared(folder, control);
    if (!run || !run->fits(checkpoint))
      run = std::make_unique<RunDiagnosis>(checkpoint, options, control, *exchange);
    DiagnosedSamples fakes;
    const Diagnosis diagnosis = run->measure(checkpoint, fakes);
    state = diagnosis.verdict.state;
    if (!root) continue;
    fmt::print("{}\n", folder.string());
    print(diagnosis, options.diagnose.verbose);
    write_diagnosis(out / folder.filename(), diagnosis, ComparedSamples{run->reals(), fakes});
  }
  return exit_code_of(state);
}

}  // namespace allmodes::diagnosis

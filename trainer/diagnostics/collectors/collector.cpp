#include "diagnostics/collectors/collector.h"

#include <chrono>

#include "diagnostics/collectors/data_audit.h"

namespace allmodes::diagnostics {
namespace {

// Of an evaluation as a whole, and of the histogram of its modes.
constexpr records::Figure kEvaluationFigures[] = {
    {"evaluated_samples", "samples", "", "", "drawn from the averaged weights of the generator"},
    {"evaluation_s", "s", "", "", "that the evaluation took, which are in no step_ms"},
    {"evaluation_s_COLLECTOR", "s", "", "", "of them, those of each collector"},
    {"unwritten_files", "", "", "0", "files that could not be written so far, said in the log"},
    {"modes_covered", "modes", "", "all of them",
     "with at least one sample (of a mixture: one of high quality)"},
    {"modes_total", "modes", "", "", "that the data have"},
    {"histogram", "samples", "", "", "of each mode, in the order of the classes"},
    {"missing", "names", "", "none", "of the modes with significantly and far too few samples"},
    {"missing_expected", "samples", "", "", "expected of each of them"},
    {"missing_observed", "samples", "", "", "seen of each of them"},
    {"missing_log10_p", "", "<= 0", "", "log10 of the binomial tail of each of them"},
    {"kl_reverse", "nats", ">= 0", "kl_floor", "KL(observed || expected) over the shares of modes"},
    {"kl_forward", "nats", ">= 0", "",
     "KL(expected || observed) over the shares of modes, half a sample added to each"},
    {"kl_floor", "nats", ">= 0", "", "kl_reverse of a perfect sampler, on average"},
    {"rare_modes", "names", "", "", "of modes below half of the mean share, of unbalanced data"},
    {"rare_mode_recall", "share", "[0, 1]", "a little below 1",
     "of the samples that rare modes should have, those that they have"},
};

}  // namespace

void record_histogram(const ModeHistogram& histogram, const config::Verdict& levels,
                      records::Record& record) {
  record.set("histogram", histogram.observed);
  if (histogram.samples == 0) return;
  const auto missing = missing_modes(histogram, levels.dropped_share, levels.significance);
  std::vector<std::string> names;
  std::vector<double> expected;
  std::vector<int64_t> observed;
  std::vector<double> tails;
  for (const auto& mode : missing) {
    names.push_back(mode.name);
    expected.push_back(mode.expected);
    observed.push_back(mode.observed);
    tails.push_back(mode.log10_tail);
  }
  record.set("missing", names);
  record.set("missing_expected", expected);
  record.set("missing_observed", observed);
  record.set("missing_log10_p", tails);
  record.set("kl_reverse", kl_reverse(histogram));
  record.set("kl_forward", kl_forward(histogram));
  record.set("kl_floor", sampling_floor(histogram));
  const auto rare = rare_modes(histogram);
  if (rare.empty()) return;
  std::vector<std::string> rare_names;
  for (const int64_t mode : rare) rare_names.push_back(histogram.names[static_cast<size_t>(mode)]);
  record.set("rare_modes", rare_names);
  record.set("rare_mode_recall", recall_of_modes(histogram, rare));
}

ClassifierSetup classifier_setup(const CollectorSetup& setup) {
  return {.dataset = setup.dataset,
          .control = setup.control,
          .exchange = setup.exchange,
          .device = setup.device,
          .held_out = [&config = setup.config] {
            return data::make_held_out_dataset(config.data, config.seed);
          }};
}

std::vector<NamedCollector> make_collectors(const CollectorSetup& setup) {
  const std::shared_ptr<ModeFinder> finder =
      make_mode_finder(classifier_setup(setup), setup.config.diagnostics.classifier);
  std::vector<NamedCollector> collectors;
  for (const CollectorRow* row : collector_rows())
    if (auto collector = row->make(setup, finder))
      collectors.push_back({std::string(row->name), std::move(collector)});
  return collectors;
}

records::FigureTables figure_tables() {
  records::FigureTables tables{{"data", "", kDataFigures}, {"evaluation", "", kEvaluationFigures}};
  for (const CollectorRow* row : collector_rows())
    tables.push_back({"evaluation", row->name, row->figures});
  return tables;
}

void collect_all(const std::vector<NamedCollector>& collectors, const Evaluation& evaluation,
                 const std::vector<GeneratedChunk>& generated, records::Record& record,
                 Evidence& evidence) {
  for (const NamedCollector& each : collectors) {
    const auto begin = std::chrono::steady_clock::now();
    each.collector->collect(evaluation, generated, record, evidence);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    record.set("evaluation_s_" + each.name, took.count());
  }
}

}  // namespace allmodes::diagnostics

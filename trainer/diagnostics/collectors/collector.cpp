#include "diagnostics/collectors/collector.h"

#include <chrono>

namespace allmodes::diagnostics {

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
  std::vector<NamedCollector> collectors;
  const auto add = [&](const char* name, std::unique_ptr<Collector> collector) {
    collectors.push_back({name, std::move(collector)});
  };
  const std::shared_ptr<ModeFinder> finder =
      make_mode_finder(classifier_setup(setup), setup.config.diagnostics.classifier);
  if (setup.dataset.mixture() != nullptr) {
    add("mixture", make_mixture_collector(setup.dataset));
  } else if (finder != nullptr) {
    add("classes", make_class_collector(finder));
  }
  add("diversity", make_diversity_collector(setup.config));
  add("copies", make_copies_collector());
  add("comparison", make_comparison_collector(setup, finder));
  if (setup.objective.conditional()) add("conditional", make_conditional_collector(finder));
  if (setup.config.diagnostics.sample_metrics != "off")
    add("sample_metrics", make_sample_metrics_collector(setup));
  if (std::holds_alternative<config::Fit>(setup.config.family))
    add("fit", make_fit_collector(setup));
  if (setup.objective.encodes()) {
    add("latent", make_latent_collector());
    add("aggregate", make_aggregate_collector(setup));
    add("reconstruction", make_reconstruction_collector(setup));
  }
  return collectors;
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

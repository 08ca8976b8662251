#include "diagnosis/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "diagnostics/features/feature_space.h"
#include "diagnostics/latents/mutual_information.h"
#include "diagnostics/latents/posterior.h"
#include "diagnostics/statistics/copies.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/verdict/sample_verdict.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::RowRange;

constexpr int64_t kPairs = 20'000;
constexpr size_t kTableRows = 20;  // classes or dimensions printed

std::string shape_text(const data::SampleShape& shape) {
  return shape.image ? fmt::format("images {} x {} x {}", shape.channels, shape.height, shape.width)
                     : fmt::format("points in {} dimensions", shape.channels);
}

diagnostics::Neighborhood neighborhood_of(const DiagnoseOptions& options) {
  return options.k > 0 ? diagnostics::Neighborhood{options.k, options.k}
                       : diagnostics::Neighborhood{};
}

// Modes are the reals' classes: a fake's is that of the nearest real. What the nearest other real
// says of each real is the expectation, so that its mistakes are on both sides.
diagnostics::ModeHistogram class_histogram(const DiagnosedSamples& reals,
                                           const diagnostics::SampleMetrics& metrics) {
  const size_t classes = reals.class_names.size();
  // Half a real more of each class: one with hardly any is nobody's neighbour, and a fake that lies
  // near it is no infinite divergence.
  const double total = static_cast<double>(reals.count) + 0.5 * static_cast<double>(classes);
  diagnostics::ModeHistogram histogram{.names = reals.class_names,
                                       .expected_share = std::vector<double>(classes, 0.5 / total),
                                       .observed = std::vector<int64_t>(classes, 0),
                                       .samples = 0};
  for (const int64_t neighbor : metrics.nearest_of_real)
    histogram.expected_share[static_cast<size_t>(reals.labels[static_cast<size_t>(neighbor)])] +=
        1 / total;
  for (const int64_t neighbor : metrics.nearest_real)
    ++histogram.observed[static_cast<size_t>(reals.labels[static_cast<size_t>(neighbor)])];
  histogram.samples = static_cast<int64_t>(metrics.nearest_real.size());
  return histogram;
}

std::vector<double> coverage_by_class(const DiagnosedSamples& reals,
                                      const std::vector<uint8_t>& covered) {
  std::vector<double> share(reals.class_names.size(), 0);
  std::vector<double> total(share.size(), 0);
  for (size_t i = 0; i < covered.size(); ++i) {
    const auto label = static_cast<size_t>(reals.labels[i]);
    share[label] += covered[i];
    total[label] += 1;
  }
  for (size_t i = 0; i < share.size(); ++i) share[i] /= std::max(1.0, total[i]);
  return share;
}

// Rows of features of samples, which are the samples themselves where that is what is asked for.
class MappedRows {
 public:
  MappedRows(world::Communicator& control, const diagnostics::FeatureMap& features,
             const DiagnosedSamples& samples)
      : width_(features.width),
        computed_(features.identity
                      ? std::vector<float>()
                      : diagnostics::mapped_rows(control, features, samples.values, samples.count)),
        rows_(features.identity ? std::span<const float>(samples.values) : computed_) {}
  MappedRows(const MappedRows&) = delete;
  MappedRows& operator=(const MappedRows&) = delete;

  diagnostics::Features view() const { return {rows_, width_}; }

 private:
  int64_t width_;
  std::vector<float> computed_;
  std::span<const float> rows_;
};

double distance_ratio(const diagnostics::Features& reals, const diagnostics::Features& fakes,
                      const DiagnoseOptions& options) {
  const auto distances = [&](const diagnostics::Features& features) {
    const auto rows = static_cast<uint64_t>(features.rows());
    const auto pairs =
        diagnostics::random_pairs({options.seed, Purpose("diagnose pairs")}, rows, kPairs);
    return diagnostics::pair_distances(features.values, features.width, pairs);
  };
  return diagnostics::diversity_ratio(distances(fakes), distances(reals));
}

diagnostics::Copies copies_of(const DiagnosedSamples& samples) {
  return diagnostics::count_copies(diagnostics::row_hashes(samples.values, samples.shape.values()));
}

// Of the metrics, for the table.
std::vector<Line> lines_of(const diagnostics::SampleMetrics& metrics,
                           const diagnostics::SampleFigures& figures,
                           const diagnostics::Evidence& evidence) {
  const double expected =
      diagnostics::expected_coverage(figures.reals, figures.fakes, figures.coverage_k);
  const double deviation =
      diagnostics::coverage_deviation(figures.reals, figures.fakes, figures.coverage_k);
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  return {{"precision", figures.precision, "share of fakes among the data, 0 to 1"},
          {"recall", figures.recall, "share of the data among fakes; as precision when equal"},
          {"density", figures.density, "1 when equal"},
          {"coverage", figures.coverage,
           fmt::format("{:.4f} +- {:.4f} when equal", expected, deviation)},
          {"coverage_expected", expected, ""},
          {"vendi", metrics.vendi.value_or(unknown),
           fmt::format("{:.4g} of the data", metrics.vendi_real.value_or(unknown))},
          {"vendi_real", metrics.vendi_real.value_or(unknown), ""},
          {"diversity", *evidence.diversity_ratio, "mean distance over the data's, 1 when equal"},
          {"frechet_distance", metrics.frechet_distance.value_or(unknown),
           "0 for equal moments; grows as N falls"},
          {"kid", metrics.kernel_distance, "0 when equal"},
          {"ndb", static_cast<double>(metrics.bins.different),
           fmt::format("of {} bins; {:.1f} when equal", metrics.bins.bins,
                       0.05 * static_cast<double>(metrics.bins.bins))},
          {"ndb_corrected", static_cast<double>(metrics.bins.different_corrected),
           "0 when equal (95 %)"},
          {"jsd", metrics.bins.jensen_shannon,
           fmt::format("nats; {:.4f} when equal", metrics.bins.jensen_shannon_floor)},
          {"copies", static_cast<double>(evidence.copies->of_samples.copies),
           fmt::format("fakes equal to another; {} of the data", evidence.copies->of_reals.copies)},
          {"support_ratio", metrics.support_ratio, "of near-duplicates; 1 when equal"}};
}

void add_mode_lines(Diagnosis& diagnosis) {
  const auto& modes = *diagnosis.evidence.modes;
  if (modes.samples == 0) return;
  diagnosis.lines.push_back(
      {"kl_reverse", diagnostics::kl_reverse(modes),
       fmt::format("nats over {} {}; {:.2g} when equal", modes.names.size(),
                   diagnosis.evidence.mode_noun, diagnostics::sampling_floor(modes))});
  diagnosis.lines.push_back({"kl_forward", diagnostics::kl_forward(modes), "nats"});
  const auto rare = diagnostics::rare_modes(modes);
  if (rare.empty()) return;
  diagnosis.lines.push_back({"rare_mode_recall", diagnostics::recall_of_modes(modes, rare),
                             fmt::format("of the samples that {} rare {} should have", rare.size(),
                                         diagnosis.evidence.mode_noun)});
}

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

// What `--features auto` is of samples of this shape.
std::string chosen_features(const std::string& wanted, const data::SampleShape& shape) {
  if (wanted != "auto") return wanted;
  if (!shape.image) return "pixels";
  return shape.values() <= diagnostics::kWidestPca ? "pca" : "random_conv";
}

}  // namespace

diagnostics::FeatureMap features_for(const DiagnoseOptions& options,
                                     const diagnostics::ClassifierSetup& setup,
                                     const DiagnosedSamples& reals, const std::string& remedy) {
  const std::string name = chosen_features(options.features, reals.shape);
  const std::string complaint =
      diagnostics::features_complaint(name, reals.shape, setup.dataset.classes());
  if (!complaint.empty())
    ALLMODES_FAIL(ExitCode::kUsage, "--features {}: {}{}", name, complaint, remedy);
  return diagnostics::make_features(name, setup, {reals.values, reals.shape.values()});
}

void check_sets(const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                const DiagnoseOptions& options) {
  if (!(reals.shape == fakes.shape)) {
    ALLMODES_FAIL(ExitCode::kDataError, "{} holds {}, {} holds {}: one shape was expected",
                  reals.source, shape_text(reals.shape), fakes.source, shape_text(fakes.shape));
  }
  const int64_t k = neighborhood_of(options).largest();
  for (const auto* set : {&reals, &fakes}) {
    if (set->count > k) continue;
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: {} samples; more than k = {} nearest neighbours were expected", set->source,
                  set->count, k);
  }
}

Diagnosis diagnose_samples(world::Communicator& control, const DiagnosedSamples& reals,
                           const DiagnosedSamples& fakes, const diagnostics::FeatureMap& features,
                           const DiagnoseOptions& options, diagnostics::Evidence evidence,
                           const config::Verdict& levels) {
  check_sets(reals, fakes, options);
  const diagnostics::SampleMetricsOptions metric_options{.neighborhood = neighborhood_of(options),
                                                         .seed = options.seed};
  const MappedRows real_rows(control, features, reals);
  const MappedRows fake_rows(control, features, fakes);
  auto metrics =
      diagnostics::measure_samples(control, real_rows.view(), fake_rows.view(), metric_options);
  const diagnostics::SampleFigures figures{.reals = reals.count,
                                           .fakes = fakes.count,
                                           .coverage_k = metric_options.neighborhood.coverage_k,
                                           .precision = metrics.neighborhood.precision,
                                           .recall = metrics.neighborhood.recall,
                                           .density = metrics.neighborhood.density,
                                           .coverage = metrics.neighborhood.coverage,
                                           .vendi = metrics.vendi,
                                           .vendi_real = metrics.vendi_real};
  if (!evidence.diversity_ratio)
    evidence.diversity_ratio = distance_ratio(real_rows.view(), fake_rows.view(), options);
  if (!evidence.copies)
    evidence.copies = {.of_samples = copies_of(fakes), .of_reals = copies_of(reals)};
  Diagnosis diagnosis;
  diagnosis.features = features.description();
  diagnosis.samples = fakes.count;
  diagnosis.neighborhood_cpu_s = metrics.neighborhood_cpu_s;
  diagnosis.lines = lines_of(metrics, figures, evidence);
  const bool labelled = !reals.labels.empty() && reals.class_names.size() > 1;
  if (labelled) diagnosis.class_coverage = coverage_by_class(reals, metrics.covered);
  if (labelled && !evidence.modes) {
    evidence.mode_noun = "classes";
    evidence.modes = class_histogram(reals, metrics);
  }
  diagnosis.evidence = std::move(evidence);
  if (diagnosis.evidence.modes) add_mode_lines(diagnosis);
  diagnosis.verdict = diagnostics::judge_samples(diagnosis.evidence, figures, levels);
  diagnosis.covered = std::move(metrics.covered);
  diagnosis.nearest_real = std::move(metrics.nearest_real);
  diagnosis.nearest_square = std::move(metrics.nearest_square);
  return diagnosis;
}

Diagnosis diagnose_posterior(world::Communicator& control, const DiagnosedSamples& means,
                             const DiagnosedSamples& log_variances,
                             const DiagnoseOptions& options) {
  if (!(means.shape == log_variances.shape) || means.count != log_variances.count) {
    ALLMODES_FAIL(ExitCode::kDataError, "{} holds {} {}, {} holds {} {}: one shape was expected",
                  means.source, means.count, shape_text(means.shape), log_variances.source,
                  log_variances.count, shape_text(log_variances.shape));
  }
  const int64_t width = means.shape.values();
  auto sums = diagnostics::make_latent_sums(width);
  diagnostics::add(sums, means.values, log_variances.values);
  const RowRange mine = diagnostics::rows_of_rank(means.count, control.rank(), control.size());
  const double part =
      diagnostics::information_sum(means.values, log_variances.values, width, mine.first, mine.last,
                                   {options.seed, Purpose("diagnose information")});
  const double information = world::all_reduce_value(control, part, world::ReduceOp::sum) /
                             static_cast<double>(means.count);
  const double total = diagnostics::kl_total(sums);
  double aggregate = 0;
  for (const double value : diagnostics::aggregate_kl_per_dimension(sums)) aggregate += value;
  Diagnosis diagnosis;
  diagnosis.features = fmt::format("posterior ({} dimensions)", width);
  diagnosis.samples = means.count;
  diagnosis.kl_per_dimension = diagnostics::kl_per_dimension(sums);
  diagnosis.evidence.step = 1;
  diagnosis.evidence.kl_total = total;
  diagnosis.evidence.aggregate_kl = aggregate;
  diagnosis.evidence.active_units = diagnostics::active_units(sums);
  diagnosis.evidence.latent_dimensions = width;
  diagnosis.lines = {
      {"kl_total", total, "nats, of posterior from prior"},
      {"active_units", static_cast<double>(*diagnosis.evidence.active_units),
       fmt::format("of {} dimensions", width)},
      {"mutual_information", information,
       fmt::format("nats; at most ln N = {:.2f} can be seen",
                   std::log(static_cast<double>(means.count)))},
      {"marginal_kl", total - information, "nats, of the aggregate posterior from the prior"},
      {"aggregate_kl", aggregate, "nats, the same by mean and variance of each dimension"}};
  // The codes are all there is here: no second instrument could agree.
  config::Verdict alone;
  alone.grace_steps = 0;
  alone.witnesses = 1;
  diagnosis.verdict = diagnostics::judge(diagnosis.evidence, {}, alone);
  return diagnosis;
}

std::string to_text(const Diagnosis& diagnosis) {
  std::string text = fmt::format("N = {}, features: {}\n", diagnosis.samples, diagnosis.features);
  for (const auto& line : diagnosis.lines) {
    if (line.beside.empty()) continue;
    text += std::isnan(line.value)
                ? fmt::format("  {:<20}{:>12}  too many features\n", line.name, "-")
                : fmt::format("  {:<20}{:>12.5g}  {}\n", line.name, line.value, line.beside);
  }
  const auto& modes = diagnosis.evidence.modes;
  const size_t classes = modes && modes->names.size() == diagnosis.class_coverage.size()
                             ? std::min(kTableRows, diagnosis.class_coverage.size())
                             : 0;
  for (size_t i = 0; i < classes; ++i)
    text += fmt::format("  {:<20}{:>12.4f}  coverage; {} samples, {:.1f} expected\n",
                        "class " + modes->names[i], diagnosis.class_coverage[i], modes->observed[i],
                        modes->expected_share[i] * static_cast<double>(modes->samples));
  for (size_t i = 0; i < diagnosis.kl_per_dimension.size() && i < kTableRows; ++i)
    text += fmt::format("  {:<20}{:>12.4f}  nats\n", fmt::format("kl of dimension {}", i),
                        diagnosis.kl_per_dimension[i]);
  const auto& verdict = diagnosis.verdict;
  const std::string kind = verdict.witnesses.empty() ? "" : verdict.kind + ", ";
  return text + fmt::format("verdict: {}: {}{}\n", to_string(verdict.state), kind, verdict.reason);
}

std::string to_json(const Diagnosis& diagnosis) {
  const auto& verdict = diagnosis.verdict;
  nlohmann::ordered_json json = {{"state", to_string(verdict.state)},
                                 {"kind", verdict.kind},
                                 {"reason", verdict.reason},
                                 {"features", diagnosis.features},
                                 {"samples", diagnosis.samples}};
  for (const auto& line : diagnosis.lines) json[line.name] = number(line.value);
  if (diagnosis.neighborhood_cpu_s > 0) json["neighborhood_cpu_s"] = diagnosis.neighborhood_cpu_s;
  json["witnesses"] = nlohmann::ordered_json::array();
  for (const auto& witness : verdict.witnesses)
    json["witnesses"].push_back(
        {{"state", to_string(witness.state)}, {"kind", witness.kind}, {"reason", witness.reason}});
  if (!diagnosis.kl_per_dimension.empty()) json["kl_per_dim"] = diagnosis.kl_per_dimension;
  if (const auto& modes = diagnosis.evidence.modes) {
    json["class_names"] = modes->names;
    json["expected_share"] = modes->expected_share;
    json["histogram"] = modes->observed;
    if (!diagnosis.class_coverage.empty()) json["class_coverage"] = diagnosis.class_coverage;
    json["missing"] = nlohmann::ordered_json::array();
    for (const auto& mode : verdict.missing)
      json["missing"].push_back({{"name", mode.name},
                                 {"expected", mode.expected},
                                 {"observed", mode.observed},
                                 {"log10_p", number(mode.log10_tail)}});
  }
  if (!diagnosis.evaluation.empty())
    json["evaluation"] = nlohmann::ordered_json::parse(diagnosis.evaluation);
  // Names come from files: what is no UTF-8 is replaced.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace allmodes::diagnosis

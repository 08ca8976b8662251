#include "cli/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "diagnostics/feature_space.h"
#include "diagnostics/latent.h"
#include "diagnostics/latent_information.h"
#include "diagnostics/moments.h"
#include "diagnostics/sample_verdict.h"

namespace allmodes::cli {
namespace {

using diagnostics::Features;
using diagnostics::RowRange;

constexpr int64_t kComponents = 64;
constexpr int64_t kPairs = 20'000;
constexpr int64_t kBlock = 250;  // rows of features computed together, whatever the ranks

Features view(const DiagnosedSamples& samples) {
  return {samples.values, samples.shape.values()};
}

// Whole blocks, so that a row's bits do not depend on the number of ranks.
RowRange blocks_of_rank(int64_t rows, const world::Communicator& control) {
  const RowRange blocks =
      diagnostics::rows_of_rank((rows + kBlock - 1) / kBlock, control.rank(), control.size());
  return {std::min(rows, blocks.first * kBlock), std::min(rows, blocks.last * kBlock)};
}

// Rows that every rank computed a part of, on every rank.
template <class Compute>
std::vector<float> all_features(world::Communicator& control, int64_t rows, int64_t width,
                                const Compute& compute) {
  const RowRange mine = blocks_of_rank(rows, control);
  const std::vector<float> part = compute(mine);
  std::vector<float> all(static_cast<size_t>(rows * width), 0.0F);
  std::copy(part.begin(), part.end(), all.begin() + mine.first * width);
  world::all_reduce_host(control, std::span<float>(all), world::ReduceOp::sum);
  return all;
}

struct FeatureSets {
  std::string name;
  int64_t width = 0;
  std::vector<float> reals;
  std::vector<float> fakes;
};

FeatureSets components(world::Communicator& control, const DiagnosedSamples& reals,
                       const DiagnosedSamples& fakes) {
  const Features values = view(reals);
  diagnostics::Projection projection;
  projection.dimensions = std::min({kComponents, values.width, values.rows() - 1});
  if (control.rank() == 0) {
    projection = diagnostics::principal_components(values, kComponents);
  } else {
    projection.mean.resize(static_cast<size_t>(values.width));
    projection.basis.resize(static_cast<size_t>(values.width * projection.dimensions));
  }
  // One rank's map is all ranks', to the last bit.
  world::broadcast_host(control, std::span<float>(projection.mean), 0);
  world::broadcast_host(control, std::span<float>(projection.basis), 0);
  const auto mapped = [&](const DiagnosedSamples& samples) {
    return all_features(control, samples.count, projection.dimensions, [&](RowRange range) {
      return diagnostics::project(view(samples), projection, range);
    });
  };
  return {"pca", projection.dimensions, mapped(reals), mapped(fakes)};
}

FeatureSets features_of(world::Communicator& control, const DiagnosedSamples& reals,
                        const DiagnosedSamples& fakes, const std::string& wanted) {
  const auto& shape = reals.shape;
  const std::string name = wanted != "auto" ? wanted : shape.image ? "pca" : "pixels";
  if (name == "pca") return components(control, reals, fakes);
  if (name == "pixels") return {"pixels", shape.values(), reals.values, fakes.values};
  if (!shape.image)
    ALLMODES_FAIL(ExitCode::kUsage, "--features random_conv: {} holds points, not images",
                  reals.source);
  const auto mapped = [&](const DiagnosedSamples& samples) {
    return all_features(control, samples.count, diagnostics::kRandomConvFeatures,
                        [&](RowRange range) {
                          return diagnostics::random_conv_features(
                              samples.values, shape.channels, shape.height, shape.width, range);
                        });
  };
  return {"random_conv", diagnostics::kRandomConvFeatures, mapped(reals), mapped(fakes)};
}

std::string shape_text(const data::SampleShape& shape) {
  return shape.image ? fmt::format("images {} x {} x {}", shape.channels, shape.height, shape.width)
                     : fmt::format("points in {} dimensions", shape.channels);
}

void check_sets(const DiagnosedSamples& reals, const DiagnosedSamples& fakes, int64_t k) {
  if (!(reals.shape == fakes.shape)) {
    ALLMODES_FAIL(ExitCode::kDataError, "{} holds {}, {} holds {}: one shape was expected",
                  reals.source, shape_text(reals.shape), fakes.source, shape_text(fakes.shape));
  }
  for (const auto* set : {&reals, &fakes}) {
    if (set->count > k) continue;
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: {} samples; more than k = {} nearest neighbours were expected", set->source,
                  set->count, k);
  }
}

// Modes are the reals' classes: a fake's is that of the nearest real. What the nearest other real
// says of each real is the expectation, so that its mistakes are on both sides.
diagnostics::ModeHistogram class_histogram(const DiagnosedSamples& reals,
                                           const diagnostics::SampleMetrics& metrics) {
  const size_t classes = reals.class_names.size();
  diagnostics::ModeHistogram histogram{.names = reals.class_names,
                                       .expected_share = std::vector<double>(classes, 0),
                                       .observed = std::vector<int64_t>(classes, 0),
                                       .samples = 0};
  for (const int64_t neighbor : metrics.nearest_of_real)
    histogram.expected_share[static_cast<size_t>(reals.labels[static_cast<size_t>(neighbor)])] +=
        1 / static_cast<double>(reals.count);
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

double distance_ratio(const FeatureSets& sets, const DiagnoseOptions& options, int64_t reals,
                      int64_t fakes) {
  const auto distances = [&](const std::vector<float>& values, int64_t rows) {
    const auto pairs = diagnostics::random_pairs({options.seed, Purpose("diagnose pairs")},
                                                 static_cast<uint64_t>(rows), kPairs);
    return diagnostics::pair_distances(values, sets.width, pairs);
  };
  return diagnostics::diversity_ratio(distances(sets.fakes, fakes), distances(sets.reals, reals));
}

config::Verdict levels() {
  config::Verdict levels;
  levels.grace_steps = 0;  // nothing is trained here
  return levels;
}

// Of the metrics, for the table.
std::vector<Line> lines_of(const diagnostics::SampleMetrics& metrics,
                           const diagnostics::SampleFigures& figures, double diversity) {
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
          {"diversity", diversity, "mean distance over the data's, 1 when equal"},
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
          {"copies", static_cast<double>(metrics.copies),
           fmt::format("fakes equal to another; {} of the data", metrics.copies_real)},
          {"support_ratio", metrics.support_ratio, "of near-duplicates; 1 when equal"}};
}

void add_modes(Diagnosis& diagnosis, const DiagnosedSamples& reals,
               const diagnostics::SampleMetrics& metrics) {
  auto histogram = class_histogram(reals, metrics);
  diagnosis.lines.push_back(
      {"kl_reverse", diagnostics::kl_reverse(histogram),
       fmt::format("nats over {} classes; {:.2g} when equal", histogram.names.size(),
                   diagnostics::sampling_floor(histogram))});
  diagnosis.lines.push_back({"kl_forward", diagnostics::kl_forward(histogram), "nats"});
  diagnosis.class_coverage = coverage_by_class(reals, metrics.covered);
  diagnosis.evidence.mode_noun = "classes";
  diagnosis.evidence.modes = std::move(histogram);
}

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

}  // namespace

Diagnosis diagnose_samples(world::Communicator& control, const DiagnosedSamples& reals,
                           const DiagnosedSamples& fakes, const DiagnoseOptions& options) {
  diagnostics::SampleMetricsOptions metric_options{.neighborhood = {}, .seed = options.seed};
  if (options.k > 0) metric_options.neighborhood = {options.k, options.k};
  const auto& neighborhood = metric_options.neighborhood;
  check_sets(reals, fakes, neighborhood.largest());
  const FeatureSets sets = features_of(control, reals, fakes, options.features);
  auto metrics = diagnostics::measure_samples(control, {sets.reals, sets.width},
                                              {sets.fakes, sets.width}, metric_options);
  const diagnostics::SampleFigures figures{.reals = reals.count,
                                           .fakes = fakes.count,
                                           .coverage_k = neighborhood.coverage_k,
                                           .precision = metrics.neighborhood.precision,
                                           .recall = metrics.neighborhood.recall,
                                           .density = metrics.neighborhood.density,
                                           .coverage = metrics.neighborhood.coverage,
                                           .vendi = metrics.vendi,
                                           .vendi_real = metrics.vendi_real,
                                           .copies = metrics.copies,
                                           .copies_real = metrics.copies_real};
  Diagnosis diagnosis;
  diagnosis.features = fmt::format("{} ({} numbers)", sets.name, sets.width);
  diagnosis.samples = fakes.count;
  diagnosis.neighborhood_cpu_s = metrics.neighborhood_cpu_s;
  const double diversity = distance_ratio(sets, options, reals.count, fakes.count);
  diagnosis.lines = lines_of(metrics, figures, diversity);
  diagnosis.evidence.step = 1;
  diagnosis.evidence.diversity_ratio = diversity;
  if (!reals.labels.empty() && reals.class_names.size() > 1) add_modes(diagnosis, reals, metrics);
  diagnosis.verdict = diagnostics::judge_samples(diagnosis.evidence, figures, levels());
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
  config::Verdict alone = levels();
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
  for (size_t i = 0; i < diagnosis.class_coverage.size() && i < 20; ++i)
    text += fmt::format("  {:<20}{:>12.4f}  coverage; {} samples, {:.1f} expected\n",
                        "class " + modes->names[i], diagnosis.class_coverage[i], modes->observed[i],
                        modes->expected_share[i] * static_cast<double>(modes->samples));
  for (size_t i = 0; i < diagnosis.kl_per_dimension.size() && i < 20; ++i)
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
    json["class_coverage"] = diagnosis.class_coverage;
    json["missing"] = nlohmann::ordered_json::array();
    for (const auto& mode : verdict.missing)
      json["missing"].push_back({{"name", mode.name},
                                 {"expected", mode.expected},
                                 {"observed", mode.observed},
                                 {"log10_p", number(mode.log10_tail)}});
  }
  // Names come from files: what is no UTF-8 is replaced.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace allmodes::cli

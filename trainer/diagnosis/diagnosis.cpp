#include "diagnosis/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "diagnosis/pooled_evidence.h"
#include "diagnostics/features/feature_space.h"
#include "diagnostics/latents/mutual_information.h"
#include "diagnostics/latents/posterior.h"
#include "diagnostics/statistics/copies.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/verdict/comparison_evidence.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::RowRange;

constexpr int64_t kPairs = 20'000;
constexpr double kTestsAtMost = 12;  // that share the false-alarm rate of a diagnosis

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
                                       .samples = 0,
                                       .real_counts = std::vector<int64_t>(classes, 0)};
  for (const int64_t neighbor : metrics.nearest_of_real) {
    const auto label = static_cast<size_t>(reals.labels[static_cast<size_t>(neighbor)]);
    histogram.expected_share[label] += 1 / total;
    ++histogram.real_counts[label];
  }
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

// Medians, so that a few far samples do not set the scale.
double distance_ratio(const diagnostics::Features& reals, const diagnostics::Features& fakes,
                      const DiagnoseOptions& options) {
  const auto distance = [&](const diagnostics::Features& features) {
    const auto rows = static_cast<uint64_t>(features.rows());
    std::vector<double> squares;
    for (const auto& [first, second] :
         diagnostics::random_pairs({options.seed, Purpose("diagnose pairs")}, rows, kPairs))
      squares.push_back(diagnostics::squared_distance(features.row(static_cast<int64_t>(first)),
                                                      features.row(static_cast<int64_t>(second))));
    const auto middle = squares.begin() + std::ssize(squares) / 2;
    std::nth_element(squares.begin(), middle, squares.end());
    return std::sqrt(*middle);
  };
  const double of_reals = distance(reals);
  const double of_fakes = distance(fakes);
  if (of_reals > 0) return of_fakes / of_reals;
  return of_fakes == 0 ? 1 : std::numeric_limits<double>::infinity();
}

diagnostics::Copies copies_of(const DiagnosedSamples& samples) {
  return diagnostics::count_copies(diagnostics::row_hashes(samples.values, samples.shape.values()));
}

// Of the metrics, for the table.
std::vector<Line> lines_of(const diagnostics::SampleMetrics& metrics,
                           const diagnostics::Evidence& evidence) {
  const auto& scores = metrics.neighborhood;
  const auto beside = [&](const char* name) {
    const auto* figure = diagnostics::calibrated_figure(evidence, name);
    return fmt::format("{:.4f} when equal, measured; p {:.2g}", figure->null_median,
                       std::pow(10.0, figure->log10_tail));
  };
  const auto value = [&](const char* name) {
    return diagnostics::calibrated_figure(evidence, name)->value;
  };
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  const auto* near = diagnostics::calibrated_figure(evidence, "near_reals");
  return {{"precision", scores.precision, beside("precision")},
          {"recall", scores.recall, beside("recall")},
          {"density", scores.density, beside("density")},
          {"coverage", scores.coverage, beside("coverage")},
          {"coverage_expected", diagnostics::calibrated_figure(evidence, "coverage")->null_median,
           "", false},
          {"near_reals", near->value, beside("near_reals")},
          {"near_fakes", value("near_fakes"), beside("near_fakes")},
          {"local_loss", value("local_loss"), beside("local_loss")},
          {"vendi", metrics.vendi.value_or(unknown),
           fmt::format("{:.4g} of the data", metrics.vendi_real.value_or(unknown))},
          {"vendi_real", metrics.vendi_real.value_or(unknown), "", false},
          {"diversity", *evidence.diversity_ratio},
          {"frechet_distance", metrics.frechet_distance.value_or(unknown)},
          {"kid", metrics.kernel_distance},
          {"ndb", static_cast<double>(metrics.cells.different),
           fmt::format("of {} cells; {:.1f} when equal", metrics.cells.cells,
                       0.05 * static_cast<double>(metrics.cells.cells))},
          {"ndb_corrected", static_cast<double>(metrics.cells.different_corrected)},
          {"jsd", metrics.cells.jensen_shannon,
           fmt::format("{:.4f} when equal", metrics.cells.jensen_shannon_floor)},
          {"copies", static_cast<double>(evidence.copies->of_samples.copies),
           fmt::format("{} of the data", evidence.copies->of_reals.copies)},
          {"support_ratio", metrics.support_ratio}};
}

void add_mode_lines(Diagnosis& diagnosis) {
  const auto& modes = *diagnosis.evidence.modes;
  if (modes.samples == 0) return;
  diagnosis.lines.push_back(
      {"kl_reverse", diagnostics::kl_reverse(modes),
       fmt::format("{} {}; {:.2g} when equal", modes.names.size(), diagnosis.evidence.mode_noun,
                   diagnostics::sampling_floor(modes))});
  diagnosis.lines.push_back({"kl_forward", diagnostics::kl_forward(modes)});
  const auto rare = diagnostics::rare_modes(modes);
  if (rare.empty()) return;
  diagnosis.lines.push_back({"rare_mode_recall", diagnostics::recall_of_modes(modes, rare),
                             fmt::format("{} rare {}", rare.size(), diagnosis.evidence.mode_noun)});
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
                                     const diagnostics::Features& fitted,
                                     const std::string& remedy) {
  const data::SampleShape shape = setup.dataset.shape();
  const std::string name = chosen_features(options.features, shape);
  const std::string complaint =
      diagnostics::features_complaint(name, shape, setup.dataset.classes());
  if (!complaint.empty())
    ALLMODES_FAIL(ExitCode::kUsage, "--features {}: {}{}", name, complaint, remedy);
  return diagnostics::make_features(name, setup, fitted);
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
  if (!evidence.diversity_ratio)
    evidence.diversity_ratio = distance_ratio(real_rows.view(), fake_rows.view(), options);
  if (!evidence.copies)
    evidence.copies = {.of_samples = copies_of(fakes), .of_reals = copies_of(reals)};
  add_pooled(control, {reals, fakes, real_rows.view(), fake_rows.view()},
             {metrics.nearest_real, metrics.nearest_of_real}, neighborhood_of(options),
             levels.significance, options.seed, evidence);
  Diagnosis diagnosis;
  diagnosis.features = features.description();
  diagnosis.samples = fakes.count;
  diagnosis.neighborhood_cpu_s = metrics.neighborhood_cpu_s;
  diagnosis.lines = lines_of(metrics, evidence);
  const bool labelled = !reals.labels.empty() && reals.class_names.size() > 1;
  if (labelled) diagnosis.class_coverage = coverage_by_class(reals, metrics.covered);
  if (labelled && !evidence.modes) {
    evidence.mode_noun = "classes";
    evidence.modes = class_histogram(reals, metrics);
  }
  diagnosis.evidence = std::move(evidence);
  if (diagnosis.evidence.modes) add_mode_lines(diagnosis);
  // One set of samples is all there is: no second evaluation could confirm it.
  config::Verdict once = levels;
  once.confirmations = 1;
  diagnosis.verdict = diagnostics::judge(diagnosis.evidence, {}, once);
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
  diagnosis.lines = {{"kl_total", total},
                     {"active_units", static_cast<double>(*diagnosis.evidence.active_units),
                      fmt::format("of {} dimensions", width)},
                     {"mutual_information", information,
                      fmt::format("at most ln N = {:.2f} can be seen",
                                  std::log(static_cast<double>(means.count)))},
                     {"marginal_kl", total - information},
                     {"aggregate_kl", aggregate}};
  // The codes are all there is here: no second instrument could agree.
  config::Verdict alone;
  alone.grace_steps = 0;
  alone.witnesses = 1;
  alone.confirmations = 1;
  diagnosis.verdict = diagnostics::judge(diagnosis.evidence, {}, alone);
  return diagnosis;
}

}  // namespace allmodes::diagnosis

#include "diagnosis/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "diagnosis/class_evidence.h"
#include "diagnosis/pooled_evidence.h"
#include "diagnosis/whole_evidence.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/redrawn.h"
#include "diagnostics/verdict/comparison_evidence.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::RowRange;

constexpr int64_t kPairs = 20'000;
constexpr double kManyEqual = 0.1;  // of the pairs of reals
constexpr double kFewestOthers = 20;
constexpr uint64_t kModeDraws = 100;

diagnostics::Neighborhood neighborhood_of(const DiagnoseOptions& options) {
  return options.k > 0 ? diagnostics::Neighborhood{options.k, options.k}
                       : diagnostics::Neighborhood{};
}

// Rows of features of samples, which are the samples themselves where that is what is asked for.
class MappedRows {
 public:
  MappedRows(world::Communicator& control, const diagnostics::FeatureMap& features,
             const DiagnosedSamples& samples)
      : width_(features.width),
        computed_(features.identity || features.given
                      ? std::vector<float>()
                      : diagnostics::mapped_rows(control, features, samples.values, samples.count,
                                                 /*progress=*/true)),
        rows_(features.given      ? std::span<const float>(samples.own_features)
              : features.identity ? std::span<const float>(samples.values)
                                  : computed_) {}
  MappedRows(const MappedRows&) = delete;
  MappedRows& operator=(const MappedRows&) = delete;

  diagnostics::Features view() const { return {rows_, width_}; }

 private:
  int64_t width_;
  std::vector<float> computed_;
  std::span<const float> rows_;
};

// How far apart pairs are, of their squared distances: the median, so that a few far samples do not
// set the scale, or the mean.
double distance_of(const std::vector<double>& squares, bool as_mean) {
  if (!as_mean) return std::sqrt(diagnostics::median(squares));
  double sum = 0;
  for (const double square : squares) sum += std::sqrt(square);
  return sum / static_cast<double>(squares.size());
}

// Of samples that are apart beside reals that are all the same there is no ratio.
double ratio_of(double of_fakes, double of_reals) {
  if (of_reals > 0) return of_fakes / of_reals;
  return of_fakes == 0 ? 1 : std::numeric_limits<double>::quiet_NaN();
}

struct DistanceRatio {
  double value;
  diagnostics::Interval interval;
};

// Of medians; of means where kManyEqual of the reals' pairs are equal, since the median of such
// data is 0 or not by chance; of these not a number where fewer than kFewestOthers of the samples
// are expected to be another row than the commonest: none of them may be, by chance.
DistanceRatio distance_ratio(const diagnostics::Features& reals, const diagnostics::Features& fakes,
                             const DiagnoseOptions& options) {
  const auto squares_of = [&](const diagnostics::Features& features) {
    const auto rows = static_cast<uint64_t>(features.rows());
    std::vector<double> squares;
    for (const auto& [first, second] :
         diagnostics::random_pairs({options.seed, Purpose("diagnose pairs")}, rows, kPairs))
      squares.push_back(diagnostics::squared_distance(features.row(static_cast<int64_t>(first)),
                                                      features.row(static_cast<int64_t>(second))));
    return squares;
  };
  const auto of_reals = squares_of(reals);
  const auto of_fakes = squares_of(fakes);
  const auto equal = std::ranges::count(of_reals, 0.0);
  const bool as_mean =
      static_cast<double>(equal) >= kManyEqual * static_cast<double>(of_reals.size());
  const auto ratio = [&](const std::vector<double>& fakes_apart,
                         const std::vector<double>& reals_apart) {
    return ratio_of(distance_of(fakes_apart, as_mean), distance_of(reals_apart, as_mean));
  };
  const double others = 0.5 * static_cast<double>(std::ssize(of_reals) - equal) /
                        static_cast<double>(of_reals.size()) * static_cast<double>(fakes.rows());
  const double value = as_mean && others > 0 && others < kFewestOthers
                           ? std::numeric_limits<double>::quiet_NaN()
                           : ratio(of_fakes, of_reals);
  std::vector<double> without;
  for (int group = 0; group < diagnostics::kJackknifeGroups; ++group) {
    const auto left = [&](std::vector<double> squares) {
      const auto out =
          diagnostics::rows_of_rank(std::ssize(squares), group, diagnostics::kJackknifeGroups);
      squares.erase(squares.begin() + out.first, squares.begin() + out.last);
      return squares;
    };
    without.push_back(ratio(left(of_fakes), left(of_reals)));
  }
  return {value, diagnostics::clamped(diagnostics::interval_of_jackknife(value, without), 0,
                                      std::numeric_limits<double>::infinity())};
}

// Of the metrics, for the table.
std::vector<Line> lines_of(const diagnostics::SampleMetrics& metrics,
                           const diagnostics::Evidence& evidence) {
  const auto& scores = metrics.neighborhood;
  // A figure whose null was measured.
  const auto measured = [&](const char* name, double value) {
    const auto* figure = diagnostics::calibrated_figure(evidence, name);
    const double p = std::pow(10.0, figure->log10_tail);
    return Line{
        name, value, fmt::format("{:.4f} when equal, measured; p {:.2g}", figure->null_median, p),
        true, {},    fmt::format("{:.4g}, p {:.2g}", figure->null_median, p)};
  };
  const auto as_measured = [&](const char* name) {
    return measured(name, diagnostics::calibrated_figure(evidence, name)->value);
  };
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  const double cells_by_chance = 0.05 * static_cast<double>(metrics.cells.cells);
  return {measured("precision", scores.precision),
          measured("recall", scores.recall),
          measured("density", scores.density),
          measured("coverage", scores.coverage),
          {"coverage_expected", diagnostics::calibrated_figure(evidence, "coverage")->null_median,
           "", false},
          as_measured("near_reals"),
          as_measured("near_fakes"),
          as_measured("near_own"),
          {"clumps", evidence.clumped ? evidence.clumped->share : unknown,
           evidence.clumped ? fmt::format("{:.4f} of the data", evidence.clumped->of_reals) : "",
           evidence.clumped.has_value()},
          as_measured("local_loss"),
          as_measured("local_shortage"),
          as_measured("invented"),
          as_measured("mean_shift"),
          as_measured("spread_ratio"),
          {"vendi", metrics.vendi.value_or(unknown),
           fmt::format("{:.4g} of the data", metrics.vendi_real.value_or(unknown))},
          {"vendi_real", metrics.vendi_real.value_or(unknown), "", false},
          {"diversity", evidence.diversity_ratio.value_or(unknown)},
          {"frechet_distance", metrics.frechet_distance.value_or(unknown)},
          {"frechet_distance_limit", metrics.frechet_distance_limit.value_or(unknown), "",
           metrics.frechet_distance_limit.has_value()},
          {"kernel_distance", metrics.kernel_distance},
          {"kernel_effect", metrics.kernel_effect},
          {"ndb",
           static_cast<double>(metrics.cells.different),
           fmt::format("of {} cells; {:.1f} when equal", metrics.cells.cells, cells_by_chance),
           true,
           {},
           fmt::format("{:.1f} of {}", cells_by_chance, metrics.cells.cells)},
          {"ndb_corrected", static_cast<double>(metrics.cells.different_corrected)},
          {"jsd", metrics.cells.jensen_shannon,
           fmt::format("{:.4f} when equal", metrics.cells.jensen_shannon_floor)},
          {"copies", static_cast<double>(evidence.copies->of_samples.copies),
           fmt::format("{} of the data", evidence.copies->of_reals.copies)},
          {"support_ratio", metrics.support_ratio}};
}

// Samples, and the reals that the shares are counted from, drawn anew with the shares they have.
std::vector<diagnostics::ModeHistogram> redrawn_modes(const diagnostics::ModeHistogram& modes) {
  std::vector<diagnostics::ModeHistogram> draws;
  const auto classes = static_cast<double>(modes.names.size());
  for (uint64_t draw = 0; draw < kModeDraws; ++draw) {
    diagnostics::ModeHistogram drawn = modes;
    drawn.observed = diagnostics::redrawn(modes.observed, {1, Purpose("modes drawn"), draw});
    if (!modes.real_counts.empty()) {
      drawn.real_counts =
          diagnostics::redrawn(modes.real_counts, {1, Purpose("reals drawn"), draw});
      double reals = 0.5 * classes;
      for (const int64_t count : drawn.real_counts) reals += static_cast<double>(count);
      for (size_t k = 0; k < drawn.real_counts.size(); ++k)
        drawn.expected_share[k] = (static_cast<double>(drawn.real_counts[k]) + 0.5) / reals;
    }
    draws.push_back(std::move(drawn));
  }
  return draws;
}

void add_mode_lines(Diagnosis& diagnosis) {
  const auto& modes = *diagnosis.evidence.modes;
  if (modes.samples == 0) return;
  const auto draws = redrawn_modes(modes);
  const auto interval = [&](double value, const auto& figure, double highest) {
    std::vector<double> values;
    for (const auto& draw : draws) values.push_back(figure(draw));
    return diagnostics::clamped(diagnostics::interval_of_draws(value, values, "bootstrap"), 0,
                                highest);
  };
  const double unbounded = std::numeric_limits<double>::infinity();
  const double reverse = diagnostics::kl_reverse(modes);
  const double forward = diagnostics::kl_forward(modes);
  diagnosis.lines.push_back(
      {"kl_reverse", reverse,
       fmt::format("{} {}; {:.2g} when equal", modes.names.size(), diagnosis.evidence.mode_noun,
                   diagnostics::sampling_floor(modes)),
       true, interval(reverse, diagnostics::kl_reverse, unbounded)});
  diagnosis.lines.push_back(
      {"kl_forward", forward, "", true, interval(forward, diagnostics::kl_forward, unbounded)});
  const auto rare = diagnostics::rare_modes(modes);
  if (rare.empty()) return;
  const auto recall = [&](const diagnostics::ModeHistogram& draw) {
    return diagnostics::recall_of_modes(draw, rare);
  };
  diagnosis.lines.push_back({"rare_mode_recall", recall(modes),
                             fmt::format("{} rare {}", rare.size(), diagnosis.evidence.mode_noun),
                             true, interval(recall(modes), recall, 1)});
}

// What distances in these features are called, in place of the general names.
void name_by_features(std::vector<Line>& lines, const diagnostics::FeatureMap& features) {
  for (Line& line : lines) {
    if (line.name.starts_with("frechet_distance"))
      line.name.replace(0, std::string("frechet_distance").size(), features.frechet_name);
    if (line.name == "kernel_distance") line.name = features.kernel_name;
  }
}

void add_inception_score(const diagnostics::FeatureMap& features,
                         const diagnostics::Features& reals, const diagnostics::Features& fakes,
                         std::vector<Line>& lines) {
  const auto of_reals = diagnostics::inception_score(features, reals.values);
  const auto of_fakes = diagnostics::inception_score(features, fakes.values);
  if (of_reals && of_fakes)
    lines.push_back({"inception_score", of_fakes->mean,
                     fmt::format("+- {:.2g} over ten parts; {:.5g} of the data",
                                 of_fakes->deviation, of_reals->mean)});
}

}  // namespace

diagnostics::FeatureMap features_for(const DiagnoseOptions& options,
                                     const diagnostics::ClassifierSetup& setup,
                                     const diagnostics::Features& fitted,
                                     const std::string& remedy) {
  const data::SampleShape shape = setup.dataset.shape();
  const std::string complaint =
      diagnostics::features_complaint(options.features, shape, setup.dataset.classes());
  if (!complaint.empty())
    ALLMODES_FAIL(ExitCode::kUsage, "--features {}: {}{}", options.features.name, complaint,
                  options.features.name == "classifier" ? remedy : "");
  return diagnostics::make_features(options.features, setup, fitted, options.network_device);
}

void check_sets(const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                const DiagnoseOptions& options) {
  if (!(reals.shape == fakes.shape)) {
    ALLMODES_FAIL(ExitCode::kDataError, "{} holds {}, {} holds {}: one shape was expected",
                  reals.source, shape_text(reals.shape), fakes.source, shape_text(fakes.shape));
  }
  const int64_t k = neighborhood_of(options).largest();
  const DiagnosedSamples& fewer = fakes.count <= reals.count ? fakes : reals;
  if (fewer.count <= k)
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: {} samples; more than k = {} nearest neighbours were expected", fewer.source,
                  fewer.count, k);
}

diagnostics::Interval interval_of_modes_covered(double covered,
                                                const diagnostics::ModeHistogram& modes) {
  const auto all = static_cast<double>(modes.names.size());
  if (modes.samples == 0) return {.low = 0, .high = all, .method = "nothing to draw from"};
  std::vector<double> counts;
  for (const auto& draw : redrawn_modes(modes))
    counts.push_back(static_cast<double>(diagnostics::modes_covered(draw)));
  return diagnostics::clamped(diagnostics::interval_of_draws(covered, counts, "bootstrap"), 0, all);
}

Diagnosis diagnose_samples(world::Communicator& control, const DiagnosedSamples& reals,
                           const DiagnosedSamples& fakes, const diagnostics::FeatureMap& features,
                           const DiagnoseOptions& options, diagnostics::Evidence evidence,
                           const config::Verdict& levels) {
  check_sets(reals, fakes, options);
  const diagnostics::SampleMetricsOptions metric_options{
      .neighborhood = neighborhood_of(options),
      .seed = options.seed,
      .population_covariance = features.population_covariance};
  const MappedRows real_rows(control, features, reals);
  const MappedRows fake_rows(control, features, fakes);
  auto metrics =
      diagnostics::measure_samples(control, real_rows.view(), fake_rows.view(), metric_options);
  const auto distances = distance_ratio(real_rows.view(), fake_rows.view(), options);
  if (!evidence.diversity_ratio && std::isfinite(distances.value)) {
    evidence.diversity_ratio = distances.value;
    metrics.intervals["diversity"] = distances.interval;
  }
  if (!evidence.copies)
    evidence.copies = {.of_samples = copies_of(fakes), .of_reals = copies_of(reals)};
  auto pooled = add_pooled(control, {reals, fakes, real_rows.view(), fake_rows.view()},
                           {metrics.nearest_real, metrics.nearest_of_real},
                           neighborhood_of(options), levels.significance, options.seed, evidence);
  add_whole(control, {reals, fakes, real_rows.view(), fake_rows.view()}, options.seed, evidence,
            pooled);
  Diagnosis diagnosis;
  diagnosis.features = features.description();
  diagnosis.samples = fakes.count;
  diagnosis.reals = reals.count;
  diagnosis.real_numbers = reals.indices;
  diagnosis.neighborhood_cpu_s = metrics.neighborhood_cpu_s;
  diagnosis.lines = lines_of(metrics, evidence);
  metrics.intervals.merge(pooled.intervals);
  const auto& copies = evidence.copies->of_samples;
  auto of_copies = diagnostics::interval_of_share(copies.copies, copies.samples);
  of_copies.low *= static_cast<double>(copies.samples);
  of_copies.high *= static_cast<double>(copies.samples);
  metrics.intervals["copies"] = of_copies;
  for (Line& line : diagnosis.lines)
    if (const auto found = metrics.intervals.find(line.name); found != metrics.intervals.end())
      line.interval = found->second;
  name_by_features(diagnosis.lines, features);
  add_inception_score(features, real_rows.view(), fake_rows.view(), diagnosis.lines);
  diagnosis.invented = std::move(pooled.invented);
  const bool labelled = !reals.labels.empty() && reals.class_names.size() > 1;
  if (labelled) {
    auto of_classes = coverage_by_class(reals, metrics.covered);
    diagnosis.class_coverage = std::move(of_classes.shares);
    diagnosis.class_intervals = std::move(of_classes.intervals);
  }
  const bool classifies =
      labelled && (!evidence.modes || (!fakes.labels.empty() && !evidence.labels));
  const ClassEye eye = classifies
                           ? class_eye(control, reals, real_rows.view(), fake_rows.view(), metrics)
                           : ClassEye();
  if (labelled && !evidence.modes) {
    evidence.mode_noun = "classes";
    evidence.modes = class_histogram(reals, eye);
    evidence.modes_when_moved = histogram_when_moved(control, reals, real_rows.view(),
                                                     fake_rows.view(), *evidence.modes, levels);
    const int64_t asked = std::ssize(eye.seen.rows);
    evidence.class_accuracy = static_cast<double>(eye.right) / static_cast<double>(asked);
    diagnosis.lines.push_back({"class_accuracy_of_reals", *evidence.class_accuracy,
                               "by " + eye.name, true,
                               diagnostics::interval_of_share(eye.right, asked)});
  }
  if (labelled && !fakes.labels.empty() && !evidence.labels) {
    evidence.labels = asked_classes(reals, fakes, eye);
    diagnosis.lines.push_back(
        {"asked_class",
         static_cast<double>(evidence.labels->right) / static_cast<double>(fakes.count),
         fmt::format("{:.4f} of reals, {:.4f} by chance", evidence.labels->accuracy,
                     evidence.labels->chance),
         true, diagnostics::interval_of_share(evidence.labels->right, fakes.count)});
  }
  if (const auto& learnt_rows = evidence.training_copies) {
    const auto learnt = diagnostics::learnt_share(*learnt_rows);
    diagnosis.lines.push_back({"learnt_by_heart", learnt.share,
                               fmt::format("beside {} training and {} held-out samples",
                                           learnt_rows->training, learnt_rows->held_out),
                               true,
                               diagnostics::Interval{learnt.low, learnt.high, "Clopper-Pearson"}});
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

}  // namespace allmodes::diagnosis

#include "diagnostics/metrics/sample_metrics.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>

#include "base/error.h"
#include "diagnostics/metrics/frechet.h"
#include "diagnostics/metrics/gathered_list.h"
#include "diagnostics/metrics/kernel_distance.h"
#include "diagnostics/metrics/near_duplicates.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/metrics/vendi.h"
#include "diagnostics/statistics/redrawn.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kRealsPerCell = 20;
constexpr int64_t kRoundsOfCells = 20;
constexpr uint64_t kCellDraws = 100;
constexpr int64_t kWidestJackknife = 256;
constexpr double kUnbounded = std::numeric_limits<double>::infinity();

class Measurement {
 public:
  Measurement(world::Communicator& control, const Features& reals, const Features& fakes,
              const SampleMetricsOptions& options)
      : control_(control), reals_(reals), fakes_(fakes), options_(options) {}

  SampleMetrics run() {
    const std::clock_t start = std::clock();
    neighborhoods();
    metrics_.neighborhood_cpu_s =
        static_cast<double>(std::clock() - start) / static_cast<double>(CLOCKS_PER_SEC);
    duplicates();
    if (reals_.width <= kWidest) moments();
    kernel();
    count_by_cell();
    return std::move(metrics_);
  }

 private:
  RowRange mine(const Features& features) const {
    return rows_of_rank(features.rows(), control_.rank(), control_.size());
  }

  template <class T>
  std::vector<T> whole(const std::vector<T>& part, RowRange range, int64_t rows) {
    return gathered_list(control_, part, range.first, rows);
  }

  void neighborhoods() {
    const auto& [precision_k, coverage_k] = options_.neighborhood;
    const RowRange reals = mine(reals_);
    const RowRange fakes = mine(fakes_);
    const Neighbors of_reals = nearest_neighbors(reals_, options_.neighborhood.largest(), reals);
    const Neighbors of_fakes = nearest_neighbors(fakes_, precision_k, fakes);
    const auto real_rows = reals_.rows();
    const Balls balls{.real_precision = whole(of_reals.radii(precision_k), reals, real_rows),
                      .real_coverage = whole(of_reals.radii(coverage_k), reals, real_rows),
                      .fake_precision = whole(of_fakes.radii(precision_k), fakes, fakes_.rows())};
    metrics_.nearest_of_real = whole(of_reals.nearest, reals, real_rows);
    nearest_real_distance_ = whole(of_reals.radii(1), reals, real_rows);
    nearest_fake_distance_ = whole(of_fakes.radii(1), fakes, fakes_.rows());

    NeighborhoodCounts counts = count_neighborhoods(reals_, fakes_, balls, fakes);
    std::vector<int64_t> sums = {counts.fakes, counts.precise, counts.inside};
    sum_over_ranks(control_, sums);
    counts.fakes = sums[0];
    counts.precise = sums[1];
    counts.inside = sums[2];
    for (auto* flags : {&counts.recalled, &counts.covered})
      world::all_reduce_host(control_, std::span<uint8_t>(*flags), world::ReduceOp::max);
    metrics_.neighborhood = neighborhood_scores(counts, options_.neighborhood);
    metrics_.covered = std::move(counts.covered);
    metrics_.nearest_real = whole(counts.nearest_real, fakes, fakes_.rows());
    metrics_.nearest_square = whole(counts.nearest_square, fakes, fakes_.rows());
  }

  void duplicates() {
    const double radius = duplicate_radius(nearest_real_distance_);
    std::vector<int64_t> pairs = {close_pairs(reals_, radius, mine(reals_)),
                                  close_pairs(fakes_, radius, mine(fakes_))};
    sum_over_ranks(control_, pairs);
    const double of_reals = support_estimate(reals_.rows(), pairs[0]);
    const double of_fakes = support_estimate(fakes_.rows(), std::max<int64_t>(1, pairs[1]));
    metrics_.support_ratio = of_fakes / of_reals;
    // Of close pairs so many are of reals: their odds, over those of all pairs, are the ratio.
    if (pairs[0] > 0) {
      const int64_t of_either = std::max<int64_t>(1, pairs[1]);
      const Interval share = interval_of_share(pairs[0], pairs[0] + of_either);
      const double usual = pairs_of(reals_) / pairs_of(fakes_);
      const auto odds = [&](double p) { return p < 1 ? p / (1 - p) / usual : kUnbounded; };
      metrics_.intervals["support_ratio"] = {odds(share.low), odds(share.high), share.method};
    }
  }

  static double pairs_of(const Features& features) {
    const auto rows = static_cast<double>(features.rows());
    return rows * (rows - 1) / 2;
  }

  // The rows of a group (interval.h) that are this rank's; of all where nothing is left out.
  RowRange mine_of_group(const Features& features, int group) const {
    const RowRange all = rows_of_rank(features.rows(), group, groups());
    const RowRange part = rows_of_rank(all.count(), control_.rank(), control_.size());
    return {all.first + part.first, all.first + part.last};
  }

  // Each group's, of every rank's part. About the first real row, which all have.
  std::vector<FeatureMoments> moments_of(const Features& features) {
    std::vector<FeatureMoments> made;
    for (int group = 0; group < groups(); ++group) {
      FeatureMoments part =
          feature_moments(features, reals_.row(0), mine_of_group(features, group));
      sum_over_ranks(control_, part);
      made.push_back(std::move(part));
    }
    return made;
  }

  // All groups but one; all for -1.
  template <class Sums>
  static Sums merged(const std::vector<Sums>& groups, int without = -1) {
    Sums whole = groups[without == 0 ? 1 : 0];
    for (int group = without == 0 ? 2 : 1; group < std::ssize(groups); ++group)
      if (group != without) merge(whole, groups[static_cast<size_t>(group)]);
    return whole;
  }

  // Matrices of their size are decomposed ten times, and each group leaves enough rows.
  bool jackknifed() const {
    return reals_.width <= kWidestJackknife && std::min(reals_.rows(), fakes_.rows()) >= 20;
  }

  // One where nothing is left out: a matrix of many features is large.
  int groups() const { return jackknifed() ? kJackknifeGroups : 1; }

  double vendi_of(const Features& features, std::span<const double> centre,
                  const std::string& name) {
    std::vector<DirectionSums> made;
    for (int group = 0; group < groups(); ++group) {
      DirectionSums part = direction_sums(features, centre, mine_of_group(features, group));
      sum_over_ranks(control_, part);
      made.push_back(std::move(part));
    }
    const double score = vendi_score(merged(made));
    if (jackknifed()) {
      std::vector<double> without;
      for (int group = 0; group < kJackknifeGroups; ++group)
        without.push_back(vendi_score(merged(made, group)));
      metrics_.intervals[name] =
          clamped(interval_of_jackknife(score, without), 1, static_cast<double>(features.rows()));
    }
    return score;
  }

  double distance_of(const FeatureMoments& reals, const FeatureMoments& fakes) const {
    return diagnostics::frechet_distance(reals, fakes, options_.population_covariance);
  }

  void moments() {
    const auto of_reals = moments_of(reals_);
    const auto of_fakes = moments_of(fakes_);
    const FeatureMoments all_reals = merged(of_reals);
    const double distance = distance_of(all_reals, merged(of_fakes));
    metrics_.frechet_distance = distance;
    if (jackknifed()) {
      std::vector<double> without;
      for (int group = 0; group < kJackknifeGroups; ++group)
        without.push_back(distance_of(merged(of_reals, group), merged(of_fakes, group)));
      const double limit = without_bias(distance, without);
      metrics_.intervals["frechet_distance"] =
          clamped(interval_of_jackknife(distance, without), 0, kUnbounded);
      metrics_.frechet_distance_limit = limit;
      metrics_.intervals["frechet_distance_limit"] = interval_of_jackknife(limit, without);
    }
    const std::vector<double> centre = mean(all_reals);
    // So many things as equally many rows are: the score grows with their number.
    const int64_t rows = std::min(reals_.rows(), fakes_.rows());
    metrics_.vendi_real = vendi_of(reals_.part(0, rows), centre, "vendi_real");
    metrics_.vendi = vendi_of(fakes_.part(0, rows), centre, "vendi");
  }

  void kernel() {
    KernelSums sums = kernel_sums(reals_, fakes_, mine(reals_), mine(fakes_));
    sum_over_ranks(control_, sums);
    metrics_.kernel_distance = diagnostics::kernel_distance(sums, reals_.rows(), fakes_.rows());
    metrics_.kernel_effect = diagnostics::kernel_effect(sums, reals_.rows(), fakes_.rows());
    if (std::min(reals_.rows(), fakes_.rows()) < 20) return;
    const Interval interval = interval_of_jackknife(
        metrics_.kernel_distance, kernel_distances_without(sums, reals_.rows(), fakes_.rows()));
    metrics_.intervals["kernel_distance"] = interval;
    // The kernels' mean varies by much less than the distance.
    if (metrics_.kernel_distance == 0) return;
    const double scale = metrics_.kernel_effect / metrics_.kernel_distance;
    metrics_.intervals["kernel_effect"] = {interval.low * scale, interval.high * scale,
                                           interval.method};
  }

  void count_by_cell() {
    const int64_t cells =
        std::max<int64_t>(1, std::min(options_.cells, reals_.rows() / kRealsPerCell));
    // One rank's centres are all ranks', to the last bit.
    std::vector<float> centres(static_cast<size_t>(cells * reals_.width));
    if (control_.rank() == 0)
      centres = fit_cells(reals_, cells, kRoundsOfCells, {options_.seed, Purpose("bins")});
    world::broadcast_host(control_, std::span<float>(centres), 0);
    const Features all_centres{centres, reals_.width};
    const auto counts_of = [&](const Features& features) {
      auto counts = count_cells(assign_cells(features, all_centres, mine(features)), cells);
      sum_over_ranks(control_, counts);
      return counts;
    };
    const auto of_reals = counts_of(reals_);
    const auto of_fakes = counts_of(fakes_);
    metrics_.cells = compare_cells(of_reals, of_fakes);
    cell_intervals(of_reals, of_fakes);
  }

  // Both sets drawn anew with the shares that they have.
  void cell_intervals(const std::vector<int64_t>& of_reals, const std::vector<int64_t>& of_fakes) {
    std::vector<double> different, corrected, divergence;
    for (uint64_t draw = 0; draw < kCellDraws; ++draw) {
      const CellScores scores =
          compare_cells(redrawn(of_reals, {options_.seed, Purpose("cells of reals"), draw}),
                        redrawn(of_fakes, {options_.seed, Purpose("cells of fakes"), draw}));
      different.push_back(static_cast<double>(scores.different));
      corrected.push_back(static_cast<double>(scores.different_corrected));
      divergence.push_back(scores.jensen_shannon);
    }
    const CellScores& found = metrics_.cells;
    const auto add = [&](const char* name, double value, const std::vector<double>& draws,
                         double highest) {
      metrics_.intervals[name] = clamped(interval_of_draws(value, draws, "bootstrap"), 0, highest);
    };
    const auto cells = static_cast<double>(found.cells);
    add("ndb", static_cast<double>(found.different), different, cells);
    add("ndb_corrected", static_cast<double>(found.different_corrected), corrected, cells);
    add("jsd", found.jensen_shannon, divergence, std::log(2.0));
  }

  world::Communicator& control_;
  const Features& reals_;
  const Features& fakes_;
  const SampleMetricsOptions& options_;
  SampleMetrics metrics_;
  std::vector<double> nearest_real_distance_;
  std::vector<double> nearest_fake_distance_;
};

}  // namespace

SampleMetrics measure_samples(world::Communicator& control, const Features& reals,
                              const Features& fakes, const SampleMetricsOptions& options) {
  const int64_t k = options.neighborhood.largest();
  ALLMODES_CHECK(reals.width == fakes.width && reals.rows() > k && fakes.rows() > k,
                 "{} reals of {} numbers, {} fakes of {}, k {}", reals.rows(), reals.width,
                 fakes.rows(), fakes.width, k);
  return Measurement(control, reals, fakes, options).run();
}

}  // namespace allmodes::diagnostics

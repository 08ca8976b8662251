#include "diagnostics/metrics/sample_metrics.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "diagnostics/metrics/frechet.h"
#include "diagnostics/metrics/kernel_distance.h"
#include "diagnostics/metrics/near_duplicates.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/metrics/vendi.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kRealsPerCell = 20;
constexpr int64_t kRoundsOfCells = 20;

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

  // Each rank's rows of a list, at their place in the whole one: a sum of one value and zeros.
  template <class T>
  std::vector<T> whole(const std::vector<T>& part, RowRange range, int64_t rows) {
    std::vector<T> all(static_cast<size_t>(rows), T{0});
    std::copy(part.begin(), part.end(), all.begin() + range.first);
    sum_over_ranks(control_, all);
    return all;
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
  }

  // The whole of every rank's part. About the first real row, which all have.
  FeatureMoments moments_of(const Features& features) {
    FeatureMoments part = feature_moments(features, reals_.row(0), mine(features));
    sum_over_ranks(control_, part);
    return part;
  }

  double vendi_of(const Features& features, std::span<const double> centre) {
    DirectionSums part = direction_sums(features, centre, mine(features));
    sum_over_ranks(control_, part);
    return vendi_score(part);
  }

  void moments() {
    const FeatureMoments of_reals = moments_of(reals_);
    metrics_.frechet_distance = diagnostics::frechet_distance(of_reals, moments_of(fakes_));
    const std::vector<double> centre = mean(of_reals);
    metrics_.vendi_real = vendi_of(reals_, centre);
    metrics_.vendi = vendi_of(fakes_, centre);
  }

  void kernel() {
    KernelSums sums = kernel_sums(reals_, fakes_, mine(reals_), mine(fakes_));
    sum_over_ranks(control_, sums);
    metrics_.kernel_distance = diagnostics::kernel_distance(sums, reals_.rows(), fakes_.rows());
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
    metrics_.cells = compare_cells(counts_of(reals_), counts_of(fakes_));
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

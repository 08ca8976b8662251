#include "diagnostics/metrics/whole_shape.h"

#include <cmath>
#include <span>

#include "base/random.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

class BothSets {
 public:
  BothSets(const Features& reals, const Features& fakes)
      : reals_(reals), fakes_(fakes), sum_(static_cast<size_t>(reals.width), 0.0) {
    for (int64_t i = 0; i < rows(); ++i) add(sum_, row(i));
    for (int64_t i = 0; i < rows(); ++i) {
      double square = 0;
      const auto values = row(i);
      for (size_t j = 0; j < sum_.size(); ++j) {
        const double offset =
            static_cast<double>(values[j]) - sum_[j] / static_cast<double>(rows());
        square += offset * offset;
      }
      squares_.push_back(square);
      distances_.push_back(std::sqrt(square));
      all_squares_ += square;
      all_distances_ += distances_.back();
    }
  }

  int64_t rows() const { return reals_.rows() + fakes_.rows(); }

  // With the rows that are named as one set, and all others as the other one; the reals where
  // `are_reals`.
  void measure(std::span<const int64_t> chosen, bool are_reals, double& shift,
               double& ratio) const {
    std::vector<double> of_chosen(sum_.size(), 0.0);
    double squares = 0, distances = 0;
    for (const int64_t i : chosen) {
      add(of_chosen, row(i));
      squares += squares_[static_cast<size_t>(i)];
      distances += distances_[static_cast<size_t>(i)];
    }
    const auto here = static_cast<double>(chosen.size());
    const double there = static_cast<double>(rows()) - here;
    double move = 0;         // squared, between the means
    double from_middle = 0;  // squared, of the reals' mean from that of both
    for (size_t j = 0; j < sum_.size(); ++j) {
      const double mean = of_chosen[j] / here;
      const double other = (sum_[j] - of_chosen[j]) / there;
      const double middle = sum_[j] / (here + there);
      move += (mean - other) * (mean - other);
      const double offset = (are_reals ? mean : other) - middle;
      from_middle += offset * offset;
    }
    const double of_reals = are_reals ? squares / here : (all_squares_ - squares) / there;
    const double variance = of_reals - from_middle;
    shift = variance > 0 ? std::sqrt(move / variance) : 0;
    const double near = distances / here;
    const double far = (all_distances_ - distances) / there;
    const double fakes = are_reals ? far : near;
    const double reals = are_reals ? near : far;
    ratio = reals > 0 ? fakes / reals : 1;
  }

 private:
  std::span<const float> row(int64_t i) const {
    return i < reals_.rows() ? reals_.row(i) : fakes_.row(i - reals_.rows());
  }
  static void add(std::vector<double>& sum, std::span<const float> values) {
    for (size_t j = 0; j < sum.size(); ++j) sum[j] += static_cast<double>(values[j]);
  }

  const Features& reals_;
  const Features& fakes_;
  std::vector<double> sum_;
  std::vector<double> squares_, distances_;  // from the mean of both
  double all_squares_ = 0;
  double all_distances_ = 0;
};

}  // namespace

WholeShape whole_shape(const Features& reals, const Features& fakes, int64_t draws, uint64_t seed) {
  const BothSets both(reals, fakes);
  // Sums are over the smaller set.
  const bool of_reals = reals.rows() <= fakes.rows();
  const auto count = static_cast<size_t>(of_reals ? reals.rows() : fakes.rows());
  std::vector<int64_t> order(static_cast<size_t>(both.rows()));
  std::iota(order.begin(), order.end(), int64_t{0});
  WholeShape shape;
  const auto front = std::span<const int64_t>(order).first(count);
  both.measure(of_reals ? front : std::span<const int64_t>(order).last(count), of_reals,
               shape.mean_shift, shape.spread_ratio);
  Random random({seed, Purpose("whole shape")});
  for (int64_t draw = 0; draw < draws; ++draw) {
    shuffle_front(order, count, random);
    double shift = 0, ratio = 1;
    both.measure(front, of_reals, shift, ratio);
    shape.shift_draws.push_back(shift);
    shape.ratio_draws.push_back(ratio);
  }
  return shape;
}

}  // namespace allmodes::diagnostics

#pragma once

// Nulls: what a figure says of real samples beside real ones, and how unlikely a value is under it.
// Where a figure has an exact tail (counts of modes: histogram.h) that is used and nothing here.

#include <cstddef>
#include <vector>

namespace allmodes::diagnostics {

// Which values speak against the model.
enum class Worse { low, high };

// The distribution of a figure under the null, from draws.
//
// Inside the draws a tail is their rank, (beyond + 1) / (draws + 1). Beyond the outermost tenth of
// them, k draws whose excesses over the first of them sum to S, it is the predictive tail of an
// exponential law,
//   P(X > u + y) = k / (draws + 1) * (1 + y / S)^-k,
// exact for exponential excesses of unknown mean (the posterior predictive under the prior 1/rate),
// heavier than the tail of a normal or of any law whose hazard rises, so that an alarm is at most
// as frequent as stated; fewer draws make it heavier still. (Peaks over a threshold: Pickands,
// Annals of Statistics 3, 1975.)
class Null {
 public:
  // At least 20 draws, all finite; else throws ExitCode::kSoftware.
  Null(std::vector<double> draws, Worse worse);

  Worse worse() const { return worse_; }
  double median() const;
  // log10 of the probability of `value` or worse, <= 0. A NaN has 0: what is not a number is
  // reported as that, not as unlikely.
  double log10_tail(double value) const;
  // In rising order.
  const std::vector<double>& draws() const { return draws_; }

 private:
  double oriented(double value) const { return worse_ == Worse::high ? value : -value; }

  std::vector<double> draws_;   // rising
  std::vector<double> sorted_;  // rising in the direction that is worse
  Worse worse_;
  size_t peaks_;   // k
  double start_;   // u
  double excess_;  // S, > 0
};

}  // namespace allmodes::diagnostics

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
//
// Where draws of that tenth equal u, as of a share that is 0 in most of them, those that do not are
// the peaks, j of them, and the tail is
//   P(X > u + y) = (j + 1) / (draws + 1) * (1 + y / (S + 5 a))^-(j + 5),
// with a prior of five peaks of mean a, three steps of the figure: too few rows were seen beyond u
// to say how far they reach. Rows that go beyond one by one, or three at a time, do so at most as
// often as stated; where they do in larger groups a figure needs a score that varies
// (pooled_null.h).
class Null {
 public:
  // `step` >= 0: the least by which the figure changes, as the share of one row; 0 where it is
  // continuous. At least 20 draws, all finite; else throws ExitCode::kSoftware.
  Null(std::vector<double> draws, Worse worse, double step = 0);

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
  double start_;   // u
  double share_;   // of draws beyond u, estimated; in (0, 1)
  double peaks_;   // k, or j + 5
  double excess_;  // S, or S + 5 a; > 0
};

}  // namespace allmodes::diagnostics

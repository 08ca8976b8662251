#pragma once

// The verdict on samples beside real ones, from whatever generator: what verdict.h says of the
// modes, the distances and the copies, and a finding on coverage. Pure functions.

#include <optional>

#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {

// Of neighbors.h and vendi.h.
struct SampleFigures {
  int64_t reals = 0;
  int64_t fakes = 0;
  int64_t coverage_k = 5;
  double precision = 0;
  double recall = 0;
  double density = 0;
  double coverage = 0;
  std::optional<double> vendi = std::nullopt;
  std::optional<double> vendi_real = std::nullopt;
};

// What coverage is on average when N reals and M fakes are drawn from one continuous distribution,
// whatever it is (lemma 2 of Naeem et al. 2020, arXiv 2002.09797): 1 - prod_{i=1..k} (N - i) / (N +
// M - i). In [0, 1]. N > k >= 1, M >= 1.
double expected_coverage(int64_t reals, int64_t fakes, int64_t k);

// About the deviation of coverage of equal distributions, which unlike its mean depends a little on
// the distribution: sqrt(c (1 - c) (1 / N + 1 / M)), c the mean.
double coverage_deviation(int64_t reals, int64_t fakes, int64_t k);

// Coverage below its mean for equal distributions by more than five deviations and 3 %:
//   unformed       at_risk: density < 0.5 and recall not below precision; the samples do not lie
//                  where the data lies
//   mode_dropping  collapsed: 5 % or more, and a second figure agrees: recall is below precision by
//                  more than a twentieth (for equal distributions and numbers their means are
//                  equal), or the Vendi score below nine tenths of the data's; else at_risk
std::optional<Witness> witness_coverage(const SampleFigures& figures);

// judge() with this one. Copies are in the evidence.
Verdict judge_samples(const Evidence& evidence, const SampleFigures& figures,
                      const config::Verdict& levels);

}  // namespace allmodes::diagnostics

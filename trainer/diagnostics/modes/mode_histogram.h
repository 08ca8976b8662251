#pragma once

// The mode histogram: how many of N generated samples fall on each of K known modes (mixture
// components, classes), against the share that the data has of each. Logarithms are natural (nats)
// unless the name says log10. Every function throws ExitCode::kSoftware for a histogram that
// check_histogram refuses.

#include <cstdint>
#include <string>
#include <vector>

#include "diagnostics/statistics/null_distribution.h"

namespace allmodes::diagnostics {

struct ModeHistogram {
  std::vector<std::string> names;      // [K], for sentences
  std::vector<double> expected_share;  // [K], of the data; sums to 1
  std::vector<int64_t> observed;       // [K], counts of generated samples
  int64_t samples = 0;                 // N, the sum of `observed`
  // [K], where the shares are themselves counted from so many reals and so are estimates: then the
  // laws are those of two samples. Empty: the shares are exact.
  std::vector<int64_t> real_counts = {};
  // [K], how much of each mode's share is made, where whoever sorted the samples makes mistakes
  // that are known (corrected_shares.h); >= 0. Empty: observed / (N * expected_share).
  std::vector<double> made_ratio = {};
};

// A mode with significantly, and by far, too few samples.
struct MissingMode {
  int64_t mode;  // index, 0 .. K-1
  std::string name;
  double expected;    // samples: N * expected_share
  int64_t observed;   // samples
  double made;        // samples, without the mistakes of whoever sorted them
  double log10_tail;  // of the exact P(X <= observed), X ~ Binomial(N, expected_share); of counted
                      // shares X is hypergeometric, given what both together have of the mode
};

// Refuses a histogram without modes or samples, with vectors of different lengths, negative counts,
// counts that do not sum to `samples`, or shares that are negative, NaN or do not sum to 1 (1e-6).
void check_histogram(const ModeHistogram& histogram);

// KL(observed || expected) = sum_k q_k ln(q_k / p_k), q the observed and p the expected shares; the
// "reverse KL" of the GAN literature (PacGAN, Lin et al. 2018). >= 0; >= ln(K / m) when m of K
// equally likely modes are seen; +infinity when a sample falls on a mode of expected share 0.
double kl_reverse(const ModeHistogram& histogram);

// KL(expected || observed) = sum_k p_k ln(p_k / q_k), with q_k = (n_k + 1/2) / (N + K/2) (add-half
// estimate, Krichevsky and Trofimov 1981) so that a mode never seen costs much and not infinity.
// >= 0.
double kl_forward(const ModeHistogram& histogram);

// What kl_reverse of a perfect sampler is on average, (K - 1) / (2N), K counting the modes of
// positive share: 2N KL is asymptotically chi-square with K - 1 degrees of freedom (Wilks 1938).
// Good to a few per cent from about 10 expected samples a mode. Where the shares are counted from m
// reals, 1 + N / m times that, since both sides then vary.
double sampling_floor(const ModeHistogram& histogram);

// What kl_reverse of a perfect sampler exceeds with probability `significance` in (0, 1):
// the chi-square upper quantile over 2N. 0 for a single mode. Not for counted shares, whose law at
// few samples a mode is no chi-square: there imbalance_null() is drawn.
double sampling_ceiling(const ModeHistogram& histogram, double significance);

// Of counted shares: kl_reverse of 200 random cuts of the reals' and the samples' modes, pooled,
// into as many reals and samples: the exact null of two samples of one distribution, by draws.
// Throws ExitCode::kSoftware where shares are exact.
Null imbalance_null(const ModeHistogram& histogram);

// Modes with at least `at_least` samples (>= 1).
int64_t modes_covered(const ModeHistogram& histogram, int64_t at_least = 1);

// Modes of which less than dropped_share (in (0, 1)) of the expectation is made and whose count is
// so low that a perfect sampler has one such mode or more with probability at most `significance`
// (Bonferroni: each tail is held against significance / K). In order of mode.
std::vector<MissingMode> missing_modes(const ModeHistogram& histogram, double dropped_share,
                                       double significance);

// A mode with significantly, and by far, too many samples.
struct CrowdedMode {
  int64_t mode;  // index, 0 .. K-1
  std::string name;
  double expected;    // samples: N * expected_share
  int64_t observed;   // samples
  double log10_tail;  // of the exact P(X >= observed), X as for a MissingMode
};

// Modes that have `times` (> 1) the expectation or more, `surplus` (in (0, 1)) of all samples or
// more beyond it, and so many that a perfect sampler has one such mode or more with probability at
// most `significance` (Bonferroni, as missing_modes()). In order of mode.
std::vector<CrowdedMode> crowded_modes(const ModeHistogram& histogram, double times, double surplus,
                                       double significance);

// Modes of unbalanced data that have a small share of it: below half of 1 / K, and not 0.
std::vector<int64_t> rare_modes(const ModeHistogram& histogram);

// How much of `modes` is made: sum_k min(n_k, N p_k) / sum_k N p_k over them, in [0, 1]. 1 where
// each has its share or more; what one has too many does not stand for another's missing ones. A
// perfect sampler has about 1 - sum_k sqrt(N p_k (1 - p_k) / (2 pi)) / sum_k N p_k. Throws
// ExitCode::kSoftware for modes whose shares sum to 0.
double recall_of_modes(const ModeHistogram& histogram, const std::vector<int64_t>& modes);

// For many modes and few samples, where no single mode's absence is significant: the number of
// modes never seen, what it is on average for a perfect sampler (sum_k (1 - p_k)^N, over p_k > 0),
// and log10 of a bound on the probability of that many (see poisson_binomial_upper_log10). Of
// counted shares a mode is unseen with the probability that all that both have of it are reals.
struct Unseen {
  int64_t observed;
  double expected;
  double log10_tail;
  double
      lost_mass;  // share of the data in modes never seen, less what it is on average; may be < 0
};
Unseen unseen_modes(const ModeHistogram& histogram);

}  // namespace allmodes::diagnostics

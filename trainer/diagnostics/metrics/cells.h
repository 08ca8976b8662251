#pragma once

// Bins: the data's k-means cells as modes where there are no labels (Richardson, Weiss, "On GANs
// and GMMs", 2018, arXiv 1805.12462, section 4: NDB). Each bin's share of reals is compared with
// its share of fakes by a two-proportion z-test. At level 0.05 about 5 of 100 bins differ by
// chance, so the count is also given with Bonferroni's correction.

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// Centres [bins][width] by Lloyd's algorithm from k-means++ (Arthur, Vassilvitskii 2007), at most
// `rounds` rounds; a function of the samples, the key and the arguments. A cell that becomes empty
// keeps its centre. Throws as check_features(), and ExitCode::kSoftware unless 1 <= bins <= rows.
std::vector<float> fit_bins(const Features& samples, int64_t bins, int64_t rounds,
                            const NoiseKey& key);

// The bin of each row of the range: that of the nearest centre (of equals the first).
std::vector<int64_t> assign_bins(const Features& samples, const Features& centres, RowRange range);

// The bins' counts, [bins]; they add over ranges.
std::vector<int64_t> count_bins(std::span<const int64_t> assigned, int64_t bins);

struct BinScores {
  int64_t bins = 0;
  int64_t different = 0;            // two-sided z-test at `level`: NDB of the paper
  int64_t different_corrected = 0;  // at level / bins: P(any) <= level for equal distributions
  double jensen_shannon = 0;        // of the two histograms, nats, [0, ln 2]
  // Its mean for equal distributions, (bins - 1) / 8 (1 / n + 1 / m): a chi-square's, for counts
  // that are not small.
  double jensen_shannon_floor = 0;
};

// Throws ExitCode::kSoftware for other lengths, no samples, or a level outside (0, 1).
BinScores compare_bins(std::span<const int64_t> reals, std::span<const int64_t> fakes,
                       double level = 0.05);

}  // namespace allmodes::diagnostics

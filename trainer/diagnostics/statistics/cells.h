#pragma once

// Cells: the data's k-means cells, as modes where there are no labels (Richardson, Weiss, "On GANs
// and GMMs", 2018, arXiv 1805.12462, section 4: NDB). Each cell's share of reals is compared with
// its share of fakes by a two-proportion z-test. At level 0.05 about 5 of 100 cells differ by
// chance, so the count is also given with Bonferroni's correction.

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

// Centres [cells][width] by Lloyd's algorithm from k-means++ (Arthur, Vassilvitskii 2007), at most
// `rounds` rounds; a function of the samples, the key and the arguments. A cell that becomes empty
// keeps its centre. Throws as check_features(), and ExitCode::kSoftware unless 1 <= cells <= rows.
std::vector<float> fit_cells(const Features& samples, int64_t cells, int64_t rounds,
                             const NoiseKey& key);

// The cell of each row of the range: that of the nearest centre (of equals the first).
std::vector<int64_t> assign_cells(const Features& samples, const Features& centres, RowRange range);

// The cells' counts, [cells]; they add over ranges.
std::vector<int64_t> count_cells(std::span<const int64_t> assigned, int64_t cells);

struct CellScores {
  int64_t cells = 0;
  int64_t different = 0;            // two-sided z-test at `level`: NDB of the paper
  int64_t different_corrected = 0;  // at level / cells: P(any) <= level for equal distributions
  double jensen_shannon = 0;        // of the two histograms, nats, [0, ln 2]
  // Its mean for equal distributions, (cells - 1) / 8 (1 / n + 1 / m): a chi-square's, for counts
  // that are not small.
  double jensen_shannon_floor = 0;
};

// Throws ExitCode::kSoftware for other lengths, no samples, or a level outside (0, 1).
CellScores compare_cells(std::span<const int64_t> reals, std::span<const int64_t> fakes,
                         double level = 0.05);

}  // namespace allmodes::diagnostics

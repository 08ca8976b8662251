#pragma once

// How wide the parts of the data (parts.h) are made. Torch-free.

#include <cstdint>
#include <vector>

#include "diagnostics/modes/parts.h"

namespace allmodes::diagnostics {

// Mean and total variance (the trace of the covariance) of some rows.
struct Cloud {
  std::vector<double> mean;  // [width]
  double variance = 0;       // >= 0
};
Cloud cloud_of(const Features& rows, const std::vector<int64_t>& chosen);

// [chosen][width]
std::vector<float> gathered_rows(const Features& rows, const std::vector<int64_t>& chosen);

// [directions][width], orthonormal, largest variance first: where rows differ from the mean of
// their own leaf, until half of that variance is reached, sixteen at most. (Directions of little
// variance are left out: in those every blurred sample and every autoencoder's mean falls short,
// which is no lack of variety.)
std::vector<double> leading_directions(const PartTree& tree, const Features& rows,
                                       const std::vector<int64_t>& leaf);

// The middle of each node's rows, [nodes][directions]; 0 of a node without rows.
std::vector<double> node_middles(const PartTree& tree, const std::vector<double>& directions,
                                 const Features& rows, const std::vector<int64_t>& leaf);

struct PartWidths {
  // [nodes]: the median squared distance from the node's middle, along the leading directions, of
  // its samples over that of its reals; 1 where there are fewer than 30 of either. Medians, so
  // that a few far rows do not set the scale.
  std::vector<double> width;
  // [nodes]: of the rank sum of those distances when both have one distribution (Mann, Whitney
  // 1947, its normal approximation), in the direction of narrower samples.
  std::vector<double> log10_tail;

  // The same over all parts of one cut of the tree (into 4, 8, 16 or 32 parts, the cut that shows
  // most), each row's distance in units of its part's median: many parts that are each too small
  // to show that they are narrow, together.
  double cut_width = 1;
  double cut_log10_tail = 0;

  // Over the measured nodes below the whole, each with the weight of its reals; 1 for none.
  double median(const PartReference::Half& half) const;
};
inline constexpr int64_t kFewestForWidth = 30;
inline constexpr int64_t kCuts = 4;
inline constexpr int64_t kFewestInCut = 8;  // of either, of a part of a cut

PartWidths part_widths(const PartReference& reference, const PartReference::Half& half,
                       const Features& samples, const std::vector<int64_t>& leaf_of_sample);

}  // namespace allmodes::diagnostics

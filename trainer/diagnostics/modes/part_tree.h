#pragma once

// Parts of data whose modes nobody has named: k-means cells of the reals, merged two by two into a
// tree. Each node of the tree is a part, from single cells to the whole: what a generator loses may
// be smaller than a cluster or span several, and a partition of one size would miss it. Torch-free.

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

inline constexpr int64_t kRealsPerLeaf = 20;  // on average
inline constexpr int64_t kMostLeaves = 60;

// Nodes 0 .. leaves - 1 are the cells; each later one is the union of two earlier ones; the last is
// the whole.
struct PartTree {
  int64_t width = 0;
  std::vector<float> centres;                 // [leaves][width]
  std::vector<int64_t> mother;                // [2 leaves - 1], -1 of the whole
  std::vector<std::vector<int64_t>> members;  // [2 leaves - 1], the leaves of each node, rising

  int64_t leaves() const { return width > 0 ? std::ssize(centres) / width : 0; }
  int64_t whole() const { return std::ssize(mother) - 1; }
};

// A tree of the rows: one cell for each 20 of them, at least 2 and at most 60, merged by Ward's
// linkage (the pair first whose union adds least to the squares within; Ward 1963), weighed by the
// rows in them. A function of the rows and the key. At least 2 rows, else throws
// ExitCode::kSoftware.
PartTree grow_tree(const Features& rows, const NoiseKey& key);

// The leaf of each row, [rows].
std::vector<int64_t> leaves_of(const PartTree& tree, const Features& rows);

// Sums of per-leaf counts over each node's leaves, [2 leaves - 1].
std::vector<int64_t> count_nodes(const PartTree& tree, const std::vector<int64_t>& leaf_of_row);

// The nodes above one, nearest first, the whole last.
std::vector<int64_t> ancestors(const PartTree& tree, int64_t node);

}  // namespace allmodes::diagnostics

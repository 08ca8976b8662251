#pragma once

// Which parts of the data the samples lack, or make too narrow, where nobody has named the modes
// (and beside the names where somebody has). Torch-free.
//
// The reals are cut in two halves. On one half a tree of parts is grown (part_tree.h); the other
// half and the samples are counted into all of its nodes. Given what both together put into a node,
// the samples' number there is hypergeometric when the two have one distribution, whatever that is,
// so the tail is exact; it is held against the level over all nodes of both trees (Bonferroni).
// Then the halves are exchanged, and the tree that shows more is the one that speaks.
//
// A part is short of samples for other reasons than lost mass, and those are looked at first:
// samples of a mode that is made too narrow leave its outer cells; samples that are all moved a
// little leave the cells that they are moved away from; samples that lie nowhere on the data may
// be meant for the part next to them. What any of these explains is not called lost.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "diagnostics/modes/part_tree.h"
#include "diagnostics/modes/thin_part.h"

namespace allmodes::diagnostics {

// The reals, cut, grown into trees and counted: once for a data set.
struct PartReference {
  struct Half {
    PartTree tree;
    std::vector<int64_t> counted;  // rows of `reals` that are counted, the others grew the tree
    std::vector<int64_t> leaf;     // [counted]
    std::vector<int64_t> in_node;  // [nodes], counts of them
    // [directions][width], orthonormal: where rows of one cell differ most, up to half of that
    // variance or sixteen directions.
    std::vector<double> directions;
    // [nodes][directions], where the rows that grew the tree lie along them: medians, which a few
    // far rows do not move.
    std::vector<double> middles;
  };
  int64_t width = 0;
  std::vector<float> reals;  // [n][width]
  std::array<Half, 2> halves = {};

  int64_t tests() const;  // nodes of both trees but the two wholes, and the cuts of part_width.h
};
inline constexpr int64_t kFewestForParts = 8;

// Rows as check_features() wants them, kFewestForParts or more, else throws ExitCode::kSoftware.
PartReference make_part_reference(const Features& reals);

struct Part {
  int64_t number = 0;       // the same in every evaluation of a data set, unique in it
  std::string name = {};    // "part 17", "part 17, mostly Sandal"
  std::string mostly = {};  // the class of more than half of its reals, where they have labels
  double share = 0;         // of the reals, (0, 1]
  double made = 0;          // share of the samples, [0, 1]
  double made_low = 0;      // Clopper-Pearson interval of it, 99 %
  double made_high = 1;
  double log10_tail = 0;  // of so few samples, one test alone; of a narrow part of its distances
  double width = 1;       // variance of its samples over its reals', along `directions`, >= 0
  double reached = -1;    // reached_share() of thin_part.h, >= 0; -1: unknown
  std::vector<int64_t> reals = {};    // of the data, the nearest to its middle first, at most 12
  std::vector<int64_t> samples = {};  // in it or next to it, likewise
};

// What is known of single rows beside where they are. Each may be empty.
struct PartHints {
  std::vector<uint8_t> away = {};  // [samples], 1: on no real's ball
  double away_excess = 0;          // share of those that real samples would not have, [0, 1]
  NeighbourHints neighbours = {};
  std::vector<int64_t> labels = {};  // [reals], to name parts by
  std::vector<std::string> class_names = {};
};

// The class of half of the rows (of the reals) or more; empty for none, and without labels.
std::string class_of_most(const std::vector<int64_t>& rows, const PartHints& hints);

struct PartFindings {
  int64_t tests = 0;
  std::vector<Part> missing = {};  // below a fifth of their share, most lost first; disjoint
  std::vector<Part> starved = {};  // below half of it
  std::vector<Part> narrow = {};   // of width below a half, or thin (thin_part.h)
  double lost_mass = 0;            // sum of share - made over missing and starved
  double lost_mass_low = 0;        // its lower confidence bound at the level, >= 0
  double moved_mass = 0;           // the same of parts that are short for another reason
  double width = 1;                // of the whole: median over nodes that have their share, by mass
  // A node of the tree with this share of the data and without a sample would have been found with
  // 99 %; 1: none. What is lost across nodes, amid other data, has to be larger.
  double smallest_loss = 1;
};

// `level`: of all tests together, (0, 1). At least one sample, of the reference's width.
PartFindings find_parts(const PartReference& reference, const Features& samples, double level,
                        const PartHints& hints = {});

}  // namespace allmodes::diagnostics

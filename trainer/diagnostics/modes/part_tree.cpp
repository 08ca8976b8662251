#include "diagnostics/modes/part_tree.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/error.h"
#include "diagnostics/statistics/cells.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kRoundsOfLeaves = 15;

// A node that has not been merged yet.
struct Twig {
  int64_t node;
  double weight;
  std::vector<double> centre;
};

double ward_cost(const Twig& a, const Twig& b) {
  double square = 0;
  for (size_t j = 0; j < a.centre.size(); ++j)
    square += (a.centre[j] - b.centre[j]) * (a.centre[j] - b.centre[j]);
  return square * a.weight * b.weight / (a.weight + b.weight);
}

// The place of the cheapest pair, the first of equals.
std::pair<size_t, size_t> nearest_pair(const std::vector<Twig>& twigs) {
  std::pair<size_t, size_t> best{0, 1};
  double least = std::numeric_limits<double>::infinity();
  for (size_t b = 1; b < twigs.size(); ++b)
    for (size_t a = 0; a < b; ++a)
      if (const double cost = ward_cost(twigs[a], twigs[b]); cost < least) {
        least = cost;
        best = {a, b};
      }
  return best;
}

}  // namespace

PartTree grow_tree(const Features& rows, const NoiseKey& key) {
  ALLMODES_CHECK(rows.rows() >= 2, "parts of {} rows", rows.rows());
  const int64_t leaves = std::min(
      rows.rows(), std::clamp<int64_t>(rows.rows() / kRealsPerLeaf, int64_t{2}, kMostLeaves));
  PartTree tree{.width = rows.width,
                .centres = fit_cells(rows, leaves, kRoundsOfLeaves, key),
                .mother = std::vector<int64_t>(static_cast<size_t>(2 * leaves - 1), -1),
                .members = {}};
  const auto counts =
      count_cells(assign_cells(rows, {tree.centres, rows.width}, all_rows(rows)), leaves);
  std::vector<Twig> twigs;
  for (int64_t leaf = 0; leaf < leaves; ++leaf) {
    const auto centre = Features{tree.centres, rows.width}.row(leaf);
    // A cell that lost all its rows is merged first, at no cost.
    twigs.push_back({leaf,
                     std::max(1e-9, static_cast<double>(counts[static_cast<size_t>(leaf)])),
                     {centre.begin(), centre.end()}});
    tree.members.push_back({leaf});
  }
  while (twigs.size() > 1) {
    const auto [a, b] = nearest_pair(twigs);
    const auto node = std::ssize(tree.members);
    Twig merged{node, twigs[a].weight + twigs[b].weight, twigs[a].centre};
    for (size_t j = 0; j < merged.centre.size(); ++j)
      merged.centre[j] =
          (twigs[a].weight * twigs[a].centre[j] + twigs[b].weight * twigs[b].centre[j]) /
          merged.weight;
    std::vector<int64_t> members;
    std::ranges::merge(tree.members[static_cast<size_t>(twigs[a].node)],
                       tree.members[static_cast<size_t>(twigs[b].node)],
                       std::back_inserter(members));
    for (const size_t of : {a, b}) tree.mother[static_cast<size_t>(twigs[of].node)] = node;
    tree.members.push_back(std::move(members));
    twigs.erase(twigs.begin() + static_cast<std::ptrdiff_t>(b));
    twigs[a] = std::move(merged);
  }
  return tree;
}

std::vector<int64_t> leaves_of(const PartTree& tree, const Features& rows) {
  if (rows.rows() == 0) return {};
  return assign_cells(rows, {tree.centres, tree.width}, all_rows(rows));
}

std::vector<int64_t> count_nodes(const PartTree& tree, const std::vector<int64_t>& leaf_of_row) {
  const auto leaves = static_cast<size_t>(tree.leaves());
  std::vector<int64_t> counts(tree.mother.size(), 0);
  for (const int64_t leaf : leaf_of_row) ++counts.at(static_cast<size_t>(leaf));
  // Mothers come after their two daughters.
  for (size_t node = 0; node + 1 < counts.size(); ++node)
    counts[static_cast<size_t>(tree.mother[node])] += counts[node];
  ALLMODES_CHECK(leaves >= 1 && counts.back() == std::ssize(leaf_of_row), "{} of {} rows in parts",
                 counts.back(), leaf_of_row.size());
  return counts;
}

std::vector<int64_t> ancestors(const PartTree& tree, int64_t node) {
  std::vector<int64_t> above;
  for (int64_t each = tree.mother.at(static_cast<size_t>(node)); each >= 0;
       each = tree.mother[static_cast<size_t>(each)])
    above.push_back(each);
  return above;
}

}  // namespace allmodes::diagnostics

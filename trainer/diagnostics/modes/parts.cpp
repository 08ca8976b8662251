#include "diagnostics/modes/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "diagnostics/modes/part_width.h"
#include "diagnostics/statistics/distributions.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kMissingPart = 0.2;  // of its share
constexpr double kStarvedPart = 0.5;
constexpr double kLeastLoss = 0.01;  // of the data, by one part
constexpr double kNarrowPart = 0.5;
constexpr double kNearlyBalanced = 0.7;
constexpr double kSmallShift = 0.25;  // squared, in the whole's total variance
constexpr double kMostStretch = 4;
constexpr double kNextTo = 1.5;  // squared distance over that to the own cell's centre
constexpr double kIntervalTail = 0.005;
constexpr double kPower = 0.99;
constexpr size_t kShown = 12;

// The samples beside one half of the reference.
class HalfComparison {
 public:
  HalfComparison(const PartReference& reference, const PartReference::Half& half,
                 const Features& samples, double log10_level, const PartHints& hints)
      : reference_(reference),
        half_(half),
        samples_(samples),
        log10_level_(log10_level),
        hints_(hints),
        leaf_(leaves_of(half.tree, samples)),
        in_node_(count_nodes(half.tree, leaf_)),
        leaf_of_real_(hints.neighbours.recalled.empty()
                          ? std::vector<int64_t>()
                          : leaves_of(half.tree, {reference.reals, reference.width})),
        whole_(leaf_of_real_.empty() ? PartNeighbours() : neighbours(half.tree.whole())),
        widths_(part_widths(reference, half, samples, leaf_)) {}

  PartFindings find() {
    PartFindings findings;
    std::vector<int64_t> lost;
    for (const auto& [limit, to] :
         {std::pair{kMissingPart, &findings.missing}, std::pair{kStarvedPart, &findings.starved}}) {
      for (const int64_t node : short_nodes(limit)) {
        if (overlaps(lost, node)) continue;
        const double loss = share(node) - made(node);
        if (explained(node)) {
          findings.moved_mass = std::max(findings.moved_mass, loss);
          continue;
        }
        lost.push_back(node);
        to->push_back(part_of(node));
        findings.lost_mass += loss;
      }
    }
    findings.lost_mass_low = lower_bound(lost);
    add_narrow(findings, lost);
    findings.width = widths_.median(half_);
    return findings;
  }

 private:
  int64_t reals() const { return std::ssize(half_.counted); }
  int64_t total() const { return samples_.rows(); }
  double share(int64_t node) const {
    return static_cast<double>(half_.in_node[static_cast<size_t>(node)]) /
           static_cast<double>(reals());
  }
  double made(int64_t node) const {
    return static_cast<double>(in_node_[static_cast<size_t>(node)]) / static_cast<double>(total());
  }
  const std::vector<int64_t>& members(int64_t node) const {
    return half_.tree.members[static_cast<size_t>(node)];
  }
  bool holds(int64_t node, int64_t leaf) const {
    return std::ranges::binary_search(members(node), leaf);
  }
  bool overlaps(const std::vector<int64_t>& nodes, int64_t node) const {
    return std::ranges::any_of(nodes, [&](int64_t other) {
      return holds(other, members(node).front()) || holds(node, members(other).front());
    });
  }

  double log10_tail(int64_t node, int64_t samples) const {
    const int64_t both = samples + half_.in_node[static_cast<size_t>(node)];
    return hypergeometric_lower_log10(samples, total(), both, total() + reals());
  }

  // Nodes below `limit` of their share, significantly and by 1 % of the data; most lost first.
  std::vector<int64_t> short_nodes(double limit) const {
    std::vector<int64_t> nodes;
    for (int64_t node = 0; node < half_.tree.whole(); ++node) {
      if (made(node) >= limit * share(node) || share(node) - made(node) < kLeastLoss) continue;
      if (log10_tail(node, in_node_[static_cast<size_t>(node)]) <= log10_level_)
        nodes.push_back(node);
    }
    std::ranges::stable_sort(nodes, std::greater{},
                             [&](int64_t node) { return share(node) - made(node); });
    return nodes;
  }

  // Whether the node would have its share if the samples of a part around it, which has its own,
  // were as wide as the reals (and of the whole, where they should be), or if those that lie
  // nowhere had come to it.
  bool explained(int64_t node) {
    const double enough = kStarvedPart * share(node);
    if (made(node) + doubtful(node) >= enough) return true;
    for (const int64_t around : ancestors(half_.tree, node)) {
      const bool whole = around == half_.tree.whole();
      const double ratio = made(around) / share(around);
      if (!whole && (ratio < kNearlyBalanced || ratio > 1 / kNearlyBalanced)) continue;
      if (made_when_matched(node, around) >= enough) return true;
    }
    return false;
  }

  std::vector<int64_t> rows_in(int64_t node, const std::vector<int64_t>& leaf) const {
    std::vector<uint8_t> inside(static_cast<size_t>(half_.tree.leaves()), 0);
    for (const int64_t member : members(node)) inside[static_cast<size_t>(member)] = 1;
    std::vector<int64_t> rows;
    for (size_t i = 0; i < leaf.size(); ++i)
      if (inside[static_cast<size_t>(leaf[i])] != 0) rows.push_back(static_cast<int64_t>(i));
    return rows;
  }

  double made_when_matched(int64_t node, int64_t around) {
    const auto [matched, added] = matched_.try_emplace(around);
    if (added) matched->second = leaves_when_matched(around);
    return static_cast<double>(std::ssize(rows_in(node, matched->second))) /
           static_cast<double>(total());
  }

  // Of the samples of a part, once they are as wide as its reals: of the whole, at their place,
  // too.
  std::vector<int64_t> leaves_when_matched(int64_t around) const {
    std::vector<int64_t> real_rows = rows_in(around, half_.leaf);
    for (int64_t& row : real_rows) row = half_.counted[static_cast<size_t>(row)];
    const auto sample_rows = rows_in(around, leaf_);
    if (real_rows.size() < 2 || sample_rows.size() < 2) return {};
    const Cloud of_reals = cloud_of({reference_.reals, reference_.width}, real_rows);
    const Cloud of_samples = cloud_of(samples_, sample_rows);
    if (!(of_samples.variance > 0) || !(of_reals.variance > 0)) return {};
    const double stretch =
        std::clamp(std::sqrt(of_reals.variance / of_samples.variance), 0.25, kMostStretch);
    double shift = 0;
    for (size_t j = 0; j < of_reals.mean.size(); ++j)
      shift += (of_reals.mean[j] - of_samples.mean[j]) * (of_reals.mean[j] - of_samples.mean[j]);
    const bool shifted = around == half_.tree.whole() && shift < kSmallShift * of_reals.variance;
    const auto& target = shifted ? of_reals.mean : of_samples.mean;
    std::vector<float> moved;
    for (const int64_t row : sample_rows) {
      const auto values = samples_.row(row);
      for (size_t j = 0; j < values.size(); ++j)
        moved.push_back(static_cast<float>(
            target[j] + stretch * (static_cast<double>(values[j]) - of_samples.mean[j])));
    }
    return leaves_of(half_.tree, {moved, samples_.width});
  }

  // Share of the samples that lie on no real and next to the node, beyond what real ones do.
  double doubtful(int64_t node) const {
    if (hints_.away.empty() || hints_.away_excess <= 0) return 0;
    const Features centres{half_.tree.centres, half_.tree.width};
    int64_t next_to = 0;
    for (size_t i = 0; i < leaf_.size(); ++i) {
      if (hints_.away[i] == 0 || holds(node, leaf_[i])) continue;
      const auto row = samples_.row(static_cast<int64_t>(i));
      const double own = squared_distance(row, centres.row(leaf_[i]));
      next_to += std::ranges::any_of(members(node), [&](int64_t leaf) {
        return squared_distance(row, centres.row(leaf)) < kNextTo * own;
      });
    }
    return hints_.away_excess * static_cast<double>(next_to) / static_cast<double>(total());
  }

  // Of the lost parts together, both shares at half of the level.
  double lower_bound(const std::vector<int64_t>& lost) const {
    if (lost.empty()) return 0;
    int64_t real = 0;
    int64_t here = 0;
    for (const int64_t node : lost) {
      real += half_.in_node[static_cast<size_t>(node)];
      here += in_node_[static_cast<size_t>(node)];
    }
    const double tail = std::pow(10.0, std::max(-300.0, log10_level_)) / 2;
    return std::max(
        0.0, binomial_lower_bound(real, reals(), tail) - binomial_upper_bound(here, total(), tail));
  }

  // The largest first, none within another one.
  void add_narrow(PartFindings& findings, const std::vector<int64_t>& lost) const {
    std::vector<int64_t> found;
    for (int64_t node = half_.tree.whole(); node >= 0; --node)
      if (narrow(node) || thin(node)) found.push_back(node);
    std::ranges::stable_sort(found, std::greater{}, [&](int64_t node) { return share(node); });
    // Many parts that are too small to show it one by one.
    if (found.empty() && widths_.cut_width < kNarrowPart &&
        widths_.cut_log10_tail <= log10_level_) {
      findings.narrow.push_back(part_of(half_.tree.whole()));
      findings.narrow.back().name = "all parts together";
      findings.narrow.back().width = widths_.cut_width;
      findings.narrow.back().log10_tail = widths_.cut_log10_tail;
      return;
    }
    std::vector<int64_t> kept;
    for (const int64_t node : found) {
      if (overlaps(kept, node) || overlaps(lost, node)) continue;
      kept.push_back(node);
      findings.narrow.push_back(part_of(node));
      if (narrow(node))
        findings.narrow.back().log10_tail = widths_.log10_tail[static_cast<size_t>(node)];
    }
  }

  bool narrow(int64_t node) const {
    const auto at = static_cast<size_t>(node);
    return widths_.width[at] < kNarrowPart && widths_.log10_tail[at] <= log10_level_ &&
           share(node) >= kLeastLoss && made(node) >= kStarvedPart * share(node);
  }

  // The level of narrow parts is shared by both ways to see one.
  bool thin(int64_t node) const {
    return !hints_.neighbours.recalled.empty() && made(node) >= kNearlyBalanced * share(node) &&
           is_thin(neighbours(node), whole_, log10_level_ - std::log10(2));
  }

  PartNeighbours neighbours(int64_t node) const {
    const auto in = [&](const std::vector<int64_t>& leaves) {
      std::vector<uint8_t> held;
      for (const int64_t leaf : leaves) held.push_back(holds(node, leaf) ? 1 : 0);
      return held;
    };
    return neighbours_of(hints_.neighbours, in(leaf_of_real_), in(leaf_));
  }

  Part part_of(int64_t node) const {
    const auto at = static_cast<size_t>(node);
    Part part{.number = node, .name = fmt::format("part {}", node)};
    part.share = share(node);
    part.made = made(node);
    part.made_low = binomial_lower_bound(in_node_[at], total(), kIntervalTail);
    part.made_high = binomial_upper_bound(in_node_[at], total(), kIntervalTail);
    part.log10_tail = log10_tail(node, in_node_[at]);
    part.width = widths_.width[at];
    if (!hints_.neighbours.recalled.empty()) part.reached = reached_share(neighbours(node), whole_);
    std::vector<int64_t> rows = rows_in(node, half_.leaf);
    for (int64_t& row : rows) row = half_.counted[static_cast<size_t>(row)];
    const Features all_reals{reference_.reals, reference_.width};
    const Cloud cloud = cloud_of(all_reals, rows);
    part.mostly = class_of_most(rows, hints_);
    if (!part.mostly.empty()) part.name += ", mostly " + part.mostly;
    part.reals = nearest_to(cloud.mean, all_reals, std::move(rows));
    std::vector<int64_t> samples(static_cast<size_t>(total()));
    std::iota(samples.begin(), samples.end(), int64_t{0});
    part.samples = nearest_to(cloud.mean, samples_, std::move(samples));
    return part;
  }

  static std::vector<int64_t> nearest_to(const std::vector<double>& middle, const Features& rows,
                                         std::vector<int64_t> of) {
    const std::vector<float> centre(middle.begin(), middle.end());
    std::vector<std::pair<double, int64_t>> order;
    for (const int64_t row : of) order.emplace_back(squared_distance(rows.row(row), centre), row);
    const size_t shown = std::min(kShown, order.size());
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(shown));
    of.clear();
    for (size_t i = 0; i < shown; ++i) of.push_back(order[i].second);
    return of;
  }

  const PartReference& reference_;
  const PartReference::Half& half_;
  const Features& samples_;
  double log10_level_;
  const PartHints& hints_;
  std::vector<int64_t> leaf_;          // [samples]
  std::vector<int64_t> in_node_;       // [nodes]
  std::vector<int64_t> leaf_of_real_;  // [reals]; empty without hints
  PartNeighbours whole_;
  PartWidths widths_;
  std::map<int64_t, std::vector<int64_t>> matched_;  // leaves_when_matched(), by part
};

// The count of a binomial that lies so many deviations below its mean.
double count_at_least(int64_t trials, double probability, double deviations) {
  const double mean = static_cast<double>(trials) * probability;
  return std::floor(
      std::max(0.0, mean - deviations * std::sqrt(mean * std::max(0.0, 1 - probability))));
}

// The least share of the data that, without a sample, is found with probability kPower.
double smallest_loss(int64_t reals, int64_t samples, int64_t leaves, double log10_level) {
  const double deviations = normal_quantile(1 - kPower);
  const auto found = [&](double share) {
    const double least = count_at_least(reals, share, deviations);
    const auto count = static_cast<int64_t>(least);
    return least >= kLeastLoss * static_cast<double>(reals) &&
           hypergeometric_lower_log10(0, samples, count, samples + reals) <= log10_level;
  };
  double low = 0;
  double high = 1;
  if (!found(high)) return 1;
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    (found(middle) ? high : low) = middle;
  }
  // What is smaller than a cell is not seen as one.
  return std::max(high, 1 / static_cast<double>(leaves));
}

}  // namespace

int64_t PartReference::tests() const {
  return halves[0].tree.whole() + halves[1].tree.whole() + 2 * kCuts;
}

PartReference make_part_reference(const Features& reals) {
  check_features(reals, "real samples");
  const int64_t rows = reals.rows();
  ALLMODES_CHECK(rows >= kFewestForParts, "parts of {} real samples", rows);
  Random random({.seed = 1, .purpose = Purpose("halves of the reals")});
  const std::vector<int64_t> order = random_order(rows, rows, random);
  PartReference made{.width = reals.width, .reals = {reals.values.begin(), reals.values.end()}};
  const auto middle = order.begin() + rows / 2;
  for (size_t h = 0; h < made.halves.size(); ++h) {
    PartReference::Half& half = made.halves[h];
    const std::vector<int64_t> grown(h == 0 ? order.begin() : middle,
                                     h == 0 ? middle : order.end());
    half.counted = {h == 0 ? middle : order.begin(), h == 0 ? order.end() : middle};
    const std::vector<float> growing = gathered_rows(reals, grown);
    half.tree =
        grow_tree({growing, reals.width}, {.seed = 1, .purpose = Purpose("parts"), .step = h});
    // Of the half that is not counted: counted reals would vary most along directions of their own.
    const auto grown_leaf = leaves_of(half.tree, {growing, reals.width});
    half.directions = leading_directions(half.tree, {growing, reals.width}, grown_leaf);
    half.middles = node_middles(half.tree, half.directions, {growing, reals.width}, grown_leaf);
    const std::vector<float> counted = gathered_rows(reals, half.counted);
    half.leaf = leaves_of(half.tree, {counted, reals.width});
    half.in_node = count_nodes(half.tree, half.leaf);
  }
  return made;
}

std::string class_of_most(const std::vector<int64_t>& rows, const PartHints& hints) {
  if (hints.labels.empty()) return {};
  std::vector<int64_t> counts(hints.class_names.size(), 0);
  for (const int64_t row : rows)
    ++counts.at(static_cast<size_t>(hints.labels[static_cast<size_t>(row)]));
  const auto most = std::ranges::max_element(counts);
  if (most == counts.end() || 2 * *most < std::ssize(rows)) return {};
  return hints.class_names[static_cast<size_t>(most - counts.begin())];
}

PartFindings find_parts(const PartReference& reference, const Features& samples, double level,
                        const PartHints& hints) {
  check_features(samples, "samples");
  ALLMODES_CHECK(samples.width == reference.width && level > 0 && level < 1,
                 "rows of {} and {} numbers, level {}", samples.width, reference.width, level);
  const double each = std::log10(level / static_cast<double>(reference.tests()));
  PartFindings best;
  double smallest = 1;
  for (const auto& half : reference.halves) {
    PartFindings found = HalfComparison(reference, half, samples, each, hints).find();
    smallest = std::min(smallest, smallest_loss(std::ssize(half.counted), samples.rows(),
                                                half.tree.leaves(), each));
    const bool more = found.lost_mass_low > best.lost_mass_low ||
                      (best.missing.empty() && best.starved.empty() &&
                       (found.lost_mass > 0 || found.narrow.size() > best.narrow.size()));
    if (&half == reference.halves.data() || more) {
      // Numbers are unique over both trees.
      for (auto* parts : {&found.missing, &found.starved, &found.narrow}) {
        for (Part& part : *parts) {
          if (&half == reference.halves.data() || part.name == "all parts together") continue;
          const std::string before = fmt::format("part {}", part.number);
          part.number += std::ssize(reference.halves[0].tree.mother);
          part.name = fmt::format("part {}", part.number) + part.name.substr(before.size());
        }
      }
      best = std::move(found);
    }
  }
  best.tests = reference.tests();
  best.smallest_loss = smallest;
  return best;
}

}  // namespace allmodes::diagnostics

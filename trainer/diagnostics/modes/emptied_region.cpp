#include "diagnostics/modes/emptied_region.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "base/error.h"
#include "diagnostics/modes/part_width.h"
#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kOfClass = 0.4;
constexpr int64_t kFewestOfClass = 3;
constexpr double kRegionTail = 0.005;
constexpr double kCoreMade = 0.3;
constexpr size_t kRegionShown = 12;

// Of the half's counted reals those that were looked at: whether each is in the region, by leaf.
struct SeenLeaves {
  std::vector<int64_t> all;
  std::vector<int64_t> inside;
};

SeenLeaves leaves_seen(const PartReference::Half& half, const std::vector<uint8_t>& reals_in) {
  SeenLeaves seen;
  for (size_t i = 0; i < half.leaf.size(); ++i) {
    const auto real = static_cast<size_t>(half.counted[i]);
    if (real >= reals_in.size()) continue;
    seen.all.push_back(half.leaf[i]);
    if (reals_in[real] != 0) seen.inside.push_back(half.leaf[i]);
  }
  return seen;
}

// The node whose counted reals have most in common with the region's: their number in both over
// that in either. Numbers as in find_parts().
int64_t most_alike(const PartReference& reference, const std::vector<uint8_t>& reals_in) {
  double best = -1;
  int64_t number = 0;
  int64_t first = 0;
  for (const auto& half : reference.halves) {
    const SeenLeaves leaves = leaves_seen(half, reals_in);
    const auto in_node = count_nodes(half.tree, leaves.all);
    const auto inside = count_nodes(half.tree, leaves.inside);
    for (int64_t node = 0; node < half.tree.whole(); ++node) {
      const auto at = static_cast<size_t>(node);
      const auto either = static_cast<double>(in_node[at] + std::ssize(leaves.inside) - inside[at]);
      const double alike = either > 0 ? static_cast<double>(inside[at]) / either : 0;
      if (alike <= best) continue;
      best = alike;
      number = first + node;
    }
    first += std::ssize(half.tree.mother);
  }
  return number;
}

// Share of the region's counted reals that lie in those of the parts that are thin. Numbers as in
// find_parts(); "all parts together" is the whole, and none.
double share_in_thin(const PartReference& reference, const std::vector<uint8_t>& reals_in,
                     const std::vector<Part>& parts) {
  int64_t first = 0;
  int64_t inside = 0;
  int64_t all = 0;
  for (const auto& half : reference.halves) {
    std::vector<uint8_t> thin(static_cast<size_t>(half.tree.leaves()), 0);
    bool any = false;
    for (const Part& part : parts) {
      const int64_t node = part.number - first;
      if (part.reached < 0 || part.reached >= kThin || node < 0 || node >= half.tree.whole())
        continue;
      any = true;
      for (const int64_t leaf : half.tree.members[static_cast<size_t>(node)])
        thin[static_cast<size_t>(leaf)] = 1;
    }
    if (any)
      for (const int64_t leaf : leaves_seen(half, reals_in).inside) {
        ++all;
        inside += thin[static_cast<size_t>(leaf)];
      }
    first += std::ssize(half.tree.mother);
  }
  return all > 0 ? static_cast<double>(inside) / static_cast<double>(all) : 0;
}

std::vector<int64_t> rows_marked(const std::vector<uint8_t>& flags) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < flags.size(); ++i)
    if (flags[i] != 0) rows.push_back(static_cast<int64_t>(i));
  return rows;
}

std::vector<int64_t> nearest_rows(const std::vector<double>& middle, const Features& rows,
                                  std::vector<int64_t> of) {
  const std::vector<float> centre(middle.begin(), middle.end());
  std::vector<std::pair<double, int64_t>> order;
  for (const int64_t row : of) order.emplace_back(squared_distance(rows.row(row), centre), row);
  const size_t shown = std::min(kRegionShown, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(shown));
  of.clear();
  for (size_t i = 0; i < shown; ++i) of.push_back(order[i].second);
  return of;
}

std::vector<std::string> classes_of(const std::vector<int64_t>& rows, size_t looked_at,
                                    const PartHints& hints) {
  std::vector<int64_t> inside(hints.class_names.size(), 0);
  std::vector<int64_t> all(hints.class_names.size(), 0);
  if (hints.labels.empty()) return {};
  for (const int64_t label : std::span(hints.labels).first(looked_at))
    ++all.at(static_cast<size_t>(label));
  for (const int64_t row : rows)
    ++inside.at(static_cast<size_t>(hints.labels[static_cast<size_t>(row)]));
  std::vector<std::string> names;
  for (size_t i = 0; i < all.size(); ++i)
    if (inside[i] >= kFewestOfClass &&
        static_cast<double>(inside[i]) >= kOfClass * static_cast<double>(all[i]))
      names.push_back(hints.class_names[i]);
  return names;
}

double core_tail(int64_t reals, int64_t samples, double reals_to_samples) {
  // A sample's share of such a place, were it made at kCoreMade of its share.
  const double of_samples = kCoreMade / (kCoreMade + reals_to_samples);
  return binomial_lower_log10(samples, samples + reals, of_samples);
}

}  // namespace

EmptiedRegion emptied_region(const PartReference& reference, const Features& samples,
                             const std::vector<uint8_t>& reals_in,
                             const std::vector<uint8_t>& samples_in, const PartHints& hints,
                             const std::vector<Part>& narrow) {
  const Features all{reference.reals, reference.width};
  ALLMODES_CHECK(std::ssize(reals_in) <= all.rows() && std::ssize(samples_in) == samples.rows(),
                 "{} and {} flags of {} reals and {} samples", reals_in.size(), samples_in.size(),
                 all.rows(), samples.rows());
  const Features reals = all.part(0, std::ssize(reals_in));
  const std::vector<int64_t> rows = rows_marked(reals_in);
  const auto made = std::ssize(rows_marked(samples_in));
  ALLMODES_CHECK(!rows.empty(), "a region of no real");
  EmptiedRegion region;
  region.core_log10_tail =
      core_tail(std::ranges::count(reals_in, 2), std::ranges::count(samples_in, 2),
                static_cast<double>(reals.rows()) / static_cast<double>(samples.rows()));
  region.in_thin = share_in_thin(reference, reals_in, narrow);
  region.classes = classes_of(rows, reals_in.size(), hints);
  Part& part = region.part;
  part.number = most_alike(reference, reals_in);
  part.name = fmt::format("part {}", part.number);
  if (region.classes.size() <= 1)
    part.mostly = region.classes.empty() ? class_of_most(rows, hints) : region.classes.front();
  if (!part.mostly.empty()) part.name += ", mostly " + part.mostly;
  part.share = static_cast<double>(rows.size()) / static_cast<double>(reals.rows());
  part.made = static_cast<double>(made) / static_cast<double>(samples.rows());
  part.made_low = binomial_lower_bound(made, samples.rows(), kRegionTail);
  part.made_high = binomial_upper_bound(made, samples.rows(), kRegionTail);
  const Cloud cloud = cloud_of(reals, rows);
  part.reals = nearest_rows(cloud.mean, reals, rows);
  std::vector<int64_t> every(static_cast<size_t>(samples.rows()));
  std::iota(every.begin(), every.end(), int64_t{0});
  part.samples = nearest_rows(cloud.mean, samples, std::move(every));
  return region;
}

}  // namespace allmodes::diagnostics

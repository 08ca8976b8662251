#include "diagnostics/metrics/nearest_neighbors.h"

#include <algorithm>
#include <limits>
#include <span>

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"

namespace allmodes::diagnostics {
namespace {

constexpr float kNoLimit = std::numeric_limits<float>::infinity();

// So many columns are tested at once; the compiler makes vector instructions of it.
constexpr size_t kColumnsAtOnce = 8;

struct Candidate {
  float estimate;  // of the squared distance
  int32_t column;
};

struct Exact {
  double square;
  int64_t column;
};

// What may be among the k nearest of one row, of the columns so far.
struct Pending {
  std::vector<Candidate> candidates;
  float limit = kNoLimit;  // of estimates; what is above it is farther than k others
  double error = 0;        // of estimates, the largest so far
  Exact nearest = {std::numeric_limits<double>::infinity(), -1};  // of equals the first
};

class NeighborSearch {
 public:
  NeighborSearch(const Features& features, int64_t k, RowRange range)
      : features_(features),
        range_(range),
        capacity_(static_cast<size_t>(std::max<int64_t>(4 * k, 64))),
        pending_(static_cast<size_t>(range.count())) {
    found_.k = k;
    found_.squared.resize(static_cast<size_t>(range.count() * k));
    found_.rows.resize(static_cast<size_t>(range.count() * k));
    found_.nearest.resize(static_cast<size_t>(range.count()));
  }

  void visit(const DistanceBlock& block) {
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) {
      collect(block, row);
      if (block.columns.last == features_.rows()) finish(row);
    }
  }

  Neighbors take() { return std::move(found_); }

 private:
  Pending& pending(int64_t row) { return pending_[static_cast<size_t>(row - range_.first)]; }

  void collect(const DistanceBlock& block, int64_t row) {
    Pending& own = pending(row);
    own.candidates.reserve(capacity_);
    own.error = std::max(own.error, block.error_of(row));
    const std::span values(block.row(row), static_cast<size_t>(block.columns.count()));
    if (own.limit == kNoLimit) limit_by_lanes(values, own);
    float limit = own.limit;
    for (size_t start = 0; start < values.size(); start += kColumnsAtOnce) {
      const auto strip = values.subspan(start, std::min(kColumnsAtOnce, values.size() - start));
      int32_t hits = 0;
      for (const float value : strip) hits += value <= limit ? 1 : 0;
      if (hits == 0) continue;
      for (size_t i = 0; i < strip.size(); ++i) {
        if (strip[i] > limit) continue;
        const auto column = block.columns.first + static_cast<int64_t>(start + i);
        if (column != row) own.candidates.push_back({strip[i], static_cast<int32_t>(column)});
        if (own.candidates.size() == capacity_) limit = narrowed(row, own);
      }
    }
    if (own.candidates.size() > capacity_ / 2) narrowed(row, own);
  }

  // A first limit, before any candidates are known: there are k others below the k-th lowest, not
  // counting the row itself, of the minima of as many parts of the block.
  void limit_by_lanes(std::span<const float> values, Pending& own) {
    const auto lanes = static_cast<size_t>(2 * (found_.k + 1));
    if (values.size() < 2 * lanes) return;
    estimates_.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(lanes));
    for (size_t start = lanes; start + lanes <= values.size(); start += lanes)
      for (size_t i = 0; i < lanes; ++i) estimates_[i] = std::min(estimates_[i], values[start + i]);
    limit_to(found_.k, own);
  }

  // Below the `rank`-th (from 0) of estimates_ there are k others, whatever the errors are.
  void limit_to(int64_t rank, Pending& own) {
    const auto at = estimates_.begin() + rank;
    std::ranges::nth_element(estimates_, at);
    own.limit = std::min(own.limit, static_cast<float>(*at + 2 * own.error));
  }

  // Leaves out what is farther than k others; returns the limit. Where that leaves too many, as
  // among copies, their distances decide.
  float narrowed(int64_t row, Pending& own) {
    estimates_.clear();
    for (const Candidate& each : own.candidates) estimates_.push_back(each.estimate);
    limit_to(found_.k - 1, own);
    std::erase_if(own.candidates, [&](const Candidate& each) { return each.estimate > own.limit; });
    if (own.candidates.size() <= capacity_ / 2) return own.limit;
    const auto& nearest = nearest_of(row, own);
    own.candidates.clear();
    for (const Exact& each : nearest)
      own.candidates.push_back(
          {static_cast<float>(each.square), static_cast<int32_t>(each.column)});
    const double last = nearest.back().square;
    // Nothing is nearer than 0: of more copies than are asked for, none is looked at twice.
    own.limit = last > 0 ? static_cast<float>(last + own.error) : -kNoLimit;
    return own.limit;
  }

  // The k nearest, nearest first. Of rows at one distance those that come next after the row itself
  // are the nearer ones, and after the last row the first: of data that repeat a few values each
  // row then has others in its list, and not all of them the same few.
  const std::vector<Exact>& nearest_of(int64_t row, Pending& own) {
    const auto at_lower_column = [](const Exact& a, const Exact& b) {
      return a.square != b.square ? a.square < b.square : a.column < b.column;
    };
    exact_.clear();
    for (const Candidate& each : own.candidates) {
      exact_.push_back(
          {squared_distance(features_.row(row), features_.row(each.column)), each.column});
      own.nearest = std::min(own.nearest, exact_.back(), at_lower_column);
    }
    const auto steps_to = [&](const Exact& each) {
      return each.column > row ? each.column - row : each.column - row + features_.rows();
    };
    const auto before = [&](const Exact& a, const Exact& b) {
      return a.square != b.square ? a.square < b.square : steps_to(a) < steps_to(b);
    };
    const auto kth = exact_.begin() + found_.k;
    const auto copies = std::ranges::count(exact_, 0.0, &Exact::square);
    if (copies > found_.k) {
      std::ranges::nth_element(exact_, kth - 1, at_lower_column);
    } else {
      std::ranges::nth_element(exact_, kth - 1, before);
    }
    exact_.erase(kth, exact_.end());
    std::ranges::sort(exact_, before);
    return exact_;
  }

  void finish(int64_t row) {
    Pending& own = pending(row);
    const auto at = row - range_.first;
    if (own.candidates.size() > static_cast<size_t>(found_.k)) narrowed(row, own);
    const auto& nearest = nearest_of(row, own);
    for (int64_t i = 0; i < found_.k; ++i) {
      const Exact& each = nearest[static_cast<size_t>(i)];
      found_.squared[static_cast<size_t>(at * found_.k + i)] = each.square;
      found_.rows[static_cast<size_t>(at * found_.k + i)] = each.column;
    }
    found_.nearest[static_cast<size_t>(at)] = own.nearest.column;
    own = {};
  }

  const Features& features_;
  RowRange range_;
  size_t capacity_;  // of candidates
  std::vector<Pending> pending_;
  Neighbors found_;
  std::vector<float> estimates_;  // kept for their memory, as exact_
  std::vector<Exact> exact_;
};

}  // namespace

std::vector<double> Neighbors::radii(int64_t rank) const {
  ALLMODES_CHECK(1 <= rank && rank <= k, "neighbour {} of {}", rank, k);
  std::vector<double> result;
  result.reserve(nearest.size());
  for (size_t i = static_cast<size_t>(rank - 1); i < squared.size(); i += static_cast<size_t>(k))
    result.push_back(squared[i]);
  return result;
}

Neighbors nearest_neighbors(const Features& features, int64_t k, RowRange range) {
  check_features(features, "samples");
  check_range(range, features.rows());
  ALLMODES_CHECK(1 <= k && k < features.rows(), "{} nearest neighbours among {} samples", k,
                 features.rows());
  ALLMODES_CHECK(features.rows() <= std::numeric_limits<int32_t>::max(), "{} samples",
                 features.rows());
  NeighborSearch search(features, k, range);
  for_each_distance_block(features, range, features,
                          [&](const DistanceBlock& block) { search.visit(block); });
  return search.take();
}

}  // namespace allmodes::diagnostics

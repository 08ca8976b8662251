#include "diagnostics/metrics/nearest_neighbors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <span>

#include "base/error.h"
#include "diagnostics/metrics/distance_blocks.h"
#include "diagnostics/statistics/strip.h"

namespace allmodes::diagnostics {
namespace {

constexpr float kNoLimit = std::numeric_limits<float>::infinity();

// Exact distances at once: each is a sum that waits for its last term, several do not.
constexpr size_t kExactAtOnce = 4;

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
    const auto add = [&](size_t at) {
      if (values[at] > own.limit) return;
      const auto column = block.columns.first + static_cast<int64_t>(at);
      if (column != row) own.candidates.push_back({values[at], static_cast<int32_t>(column)});
      if (own.candidates.size() == capacity_) narrow(row, own);
    };
    const size_t whole = values.size() - values.size() % kStrip;
    std::array<float, kStrip> limits;
    limits.fill(own.limit);
    for (size_t start = 0; start < whole; start += kStrip) {
      Strip strip;
      strip.load(values.data() + start);
      uint32_t found = strip.at_most(limits.data());
      if (found == 0) continue;
      for (; found != 0; found &= found - 1)
        add(start + static_cast<size_t>(std::countr_zero(found)));
      if (own.limit != limits.front()) limits.fill(own.limit);
    }
    for (size_t at = whole; at < values.size(); ++at) add(at);
    if (own.candidates.size() > capacity_ / 2) narrow(row, own);
  }

  // A first limit, before any candidates are known: there are k others below the k-th lowest, not
  // counting the row itself, of the minima of as many parts of the block.
  void limit_by_lanes(std::span<const float> values, Pending& own) {
    const size_t strips = (2 * static_cast<size_t>(found_.k + 1) + kStrip - 1) / kStrip;
    const size_t lanes = strips * kStrip;
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

  // Leaves out what is farther than k others. Where that leaves too many, as among copies, their
  // distances decide.
  void narrow(int64_t row, Pending& own) {
    estimates_.clear();
    for (const Candidate& each : own.candidates) estimates_.push_back(each.estimate);
    limit_to(found_.k - 1, own);
    std::erase_if(own.candidates, [&](const Candidate& each) { return each.estimate > own.limit; });
    if (own.candidates.size() <= capacity_ / 2) return;
    const auto& nearest = nearest_of(row, own);
    own.candidates.clear();
    for (const Exact& each : nearest)
      own.candidates.push_back(
          {static_cast<float>(each.square), static_cast<int32_t>(each.column)});
    const double last = nearest.back().square;
    // Nothing is nearer than 0: of more copies than are asked for, none is looked at twice.
    own.limit = last > 0 ? static_cast<float>(last + own.error) : -kNoLimit;
  }

  // Fills exact_ with the candidates' distances, as squared_distance() has them to the last bit.
  void measure(int64_t row, const Pending& own) {
    const auto from = features_.row(row);
    exact_.clear();
    for (size_t first = 0; first < own.candidates.size(); first += kExactAtOnce) {
      const size_t count = std::min(kExactAtOnce, own.candidates.size() - first);
      std::array<const float*, kExactAtOnce> to = {};
      for (size_t i = 0; i < kExactAtOnce; ++i)
        to.at(i) = features_.row(own.candidates[first + std::min(i, count - 1)].column).data();
      std::array<double, kExactAtOnce> squares = {};
      for (size_t j = 0; j < from.size(); ++j)
        for (size_t i = 0; i < kExactAtOnce; ++i) {
          const double difference = static_cast<double>(from[j]) - static_cast<double>(to[i][j]);
          squares[i] += difference * difference;
        }
      for (size_t i = 0; i < count; ++i)
        exact_.push_back({squares.at(i), own.candidates[first + i].column});
    }
  }

  // The k nearest, nearest first. Of rows at one distance those that come next after the row itself
  // are the nearer ones, and after the last row the first: of data that repeat a few values each
  // row then has others in its list, and not all of them the same few.
  const std::vector<Exact>& nearest_of(int64_t row, Pending& own) {
    const auto at_lower_column = [](const Exact& a, const Exact& b) {
      return a.square != b.square ? a.square < b.square : a.column < b.column;
    };
    measure(row, own);
    own.nearest = std::min(own.nearest, std::ranges::min(exact_, at_lower_column), at_lower_column);
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
    if (own.candidates.size() > static_cast<size_t>(found_.k)) narrow(row, own);
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

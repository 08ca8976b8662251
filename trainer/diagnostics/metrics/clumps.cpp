#include "diagnostics/metrics/clumps.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/metrics/distance_blocks.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kMostForClumps = 1000;  // of either set
constexpr int64_t kFewestInClump = 4;     // beside the row itself
constexpr int64_t kClumpsAtLeast = 8;     // a clump is this part of a set at most
constexpr double kSureDigits = 1000;      // an estimate this many times its error is taken
constexpr double kLeapSquare = 4;         // of squared distances: twice as far

struct Near {
  float square;
  int32_t row;
};

// `count` rows of a set in a random order, behind those of `values`; which they are.
void append_rows(const Features& rows, int64_t count, const NoiseKey& key,
                 std::vector<float>& values, std::vector<int64_t>& chosen) {
  Random random(key);
  chosen = random_order(rows.rows(), count, random);
  chosen.resize(static_cast<size_t>(count));
  for (const int64_t each : chosen) {
    const auto row = rows.row(each);
    values.insert(values.end(), row.begin(), row.end());
  }
}

// Of each row of the pool its nearest other ones in rising order, enough of them that a cut finds
// those of its own set among them.
std::vector<std::vector<Near>> nearest_lists(const Features& pool, int64_t listed) {
  std::vector<std::vector<Near>> lists(static_cast<size_t>(pool.rows()));
  for_each_distance_block(pool, {0, pool.rows()}, pool, [&](const DistanceBlock& block) {
    for (int64_t row = block.rows.first; row < block.rows.last; ++row) {
      const float* values = block.row(row);
      // Beside far rows the estimate of a small distance is worth nothing.
      const double unsure = kSureDigits * block.error_of(row);
      for (int64_t i = 0; i < block.columns.count(); ++i) {
        const int64_t other = block.columns.first + i;
        if (other == row) continue;
        const bool sure = static_cast<double>(values[i]) > unsure;
        const auto square =
            static_cast<float>(sure ? static_cast<double>(values[i])
                                    : squared_distance(pool.row(row), pool.row(other)));
        lists[static_cast<size_t>(row)].push_back({square, static_cast<int32_t>(other)});
      }
    }
  });
  const auto before = [](const Near& a, const Near& b) {
    return a.square < b.square || (a.square == b.square && a.row < b.row);
  };
  for (auto& list : lists) {
    const auto end = list.begin() + std::min<int64_t>(listed, std::ssize(list));
    std::partial_sort(list.begin(), end, list.end(), before);
    list.erase(end, list.end());
    list.shrink_to_fit();
  }
  return lists;
}

// How many of a row's own set lie in its clump; 0 where it lies in none.
int64_t clump_of(const std::vector<Near>& list, const std::vector<uint8_t>& is_real, uint8_t own,
                 int64_t most) {
  int64_t found = 0;
  int64_t clump = 0;
  double last = 0;
  double largest = kLeapSquare;
  for (const Near& near : list) {
    if (is_real[static_cast<size_t>(near.row)] != own) continue;
    const auto square = static_cast<double>(near.square);
    if (found >= kFewestInClump && (last > 0 ? square >= largest * last : square > 0)) {
      clump = found;
      if (last <= 0) break;
      largest = square / last;
    }
    last = square;
    if (++found > most) break;
  }
  return clump;
}

double share_in_clumps(const std::vector<std::vector<Near>>& lists,
                       const std::vector<uint8_t>& is_real, uint8_t own, int64_t most) {
  int64_t rows = 0;
  int64_t inside = 0;
  for (size_t row = 0; row < lists.size(); ++row) {
    if (is_real[row] != own) continue;
    ++rows;
    inside += clump_of(lists[row], is_real, own, most) > 0 ? 1 : 0;
  }
  return static_cast<double>(inside) / static_cast<double>(rows);
}

// Rows that a leap separates from each other are different things.
double count_things(const std::vector<std::vector<Near>>& lists,
                    const std::vector<uint8_t>& is_real, int64_t most) {
  std::vector<size_t> root(lists.size());
  std::iota(root.begin(), root.end(), size_t{0});
  const auto root_of = [&](size_t row) {
    while (root[row] != row) row = root[row] = root[root[row]];
    return row;
  };
  std::vector<uint8_t> inside(lists.size(), 0);
  for (size_t row = 0; row < lists.size(); ++row) {
    if (is_real[row] != 0) continue;
    int64_t left = clump_of(lists[row], is_real, 0, most);
    inside[row] = left > 0 ? 1 : 0;
    for (const Near& near : lists[row]) {
      if (left == 0) break;
      if (is_real[static_cast<size_t>(near.row)] != 0) continue;
      root[root_of(static_cast<size_t>(near.row))] = root_of(row);
      --left;
    }
  }
  std::map<size_t, double> sizes;
  double total = 0;
  for (size_t row = 0; row < lists.size(); ++row) {
    if (inside[row] == 0) continue;
    sizes[root_of(row)] += 1;
    total += 1;
  }
  double squares = 0;
  for (const auto& [each, size] : sizes) squares += size / total * (size / total);
  return squares > 0 ? 1 / squares : 0;
}

}  // namespace

Clumps find_clumps(const Features& reals, const Features& fakes, int64_t draws, uint64_t seed) {
  const int64_t each = std::min({reals.rows(), fakes.rows(), kMostForClumps});
  ALLMODES_CHECK(each >= kFewestForClumps, "clumps among {} and {} rows", reals.rows(),
                 fakes.rows());
  std::vector<float> values;
  std::vector<int64_t> chosen_reals, chosen_fakes;
  append_rows(reals, each, {seed, Purpose("clumps, reals")}, values, chosen_reals);
  append_rows(fakes, each, {seed, Purpose("clumps, fakes")}, values, chosen_fakes);
  const int64_t most = each / kClumpsAtLeast;
  const auto lists = nearest_lists({values, reals.width}, 2 * most + 8 * kClumpsAtLeast);
  std::vector<uint8_t> is_real(static_cast<size_t>(2 * each), 0);
  std::fill_n(is_real.begin(), each, uint8_t{1});

  Clumps found{.looked_at = each,
               .of_fakes = share_in_clumps(lists, is_real, 0, most),
               .of_reals = share_in_clumps(lists, is_real, 1, most),
               .things = count_things(lists, is_real, most),
               .draws = {},
               .clumped = {}};
  for (int64_t row = 0; row < each; ++row)
    if (clump_of(lists[static_cast<size_t>(each + row)], is_real, 0, most) > 0)
      found.clumped.push_back(chosen_fakes[static_cast<size_t>(row)]);
  for (int64_t draw = 0; draw < draws; ++draw) {
    Random random({seed, Purpose("clumps, cuts"), static_cast<uint64_t>(draw)});
    shuffle_front(is_real, is_real.size(), random);
    found.draws.push_back(share_in_clumps(lists, is_real, 0, most) -
                          share_in_clumps(lists, is_real, 1, most));
  }
  return found;
}

}  // namespace allmodes::diagnostics

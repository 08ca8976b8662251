#include "diagnostics/metrics/pooled_null.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::diagnostics {
namespace {

// Neighbours of each pooled row that are listed, at least. Of equal numbers of either set, five of
// the same set are among 32 but for one row in 100,000.
constexpr int64_t kFewestListed = 32;
constexpr double kNearRealSquare = 1.0 / 16;  // a quarter of the distance

// Pooled rows in a random order, in which rows at equal distances come in no order of sets.
struct Pool {
  std::vector<float> values;     // [n + m][width]
  std::vector<int64_t> row_of;   // [n + m], the row in its own set
  std::vector<uint8_t> is_real;  // [n + m]
};

Pool shuffled(const Features& reals, const Features& fakes, uint64_t seed) {
  std::vector<int64_t> order(static_cast<size_t>(reals.rows() + fakes.rows()));
  std::iota(order.begin(), order.end(), int64_t{0});
  Random random({seed, Purpose("pooled rows")});
  for (size_t i = 0; i + 1 < order.size(); ++i)
    std::swap(order[i], order[i + random.below(order.size() - i)]);
  Pool pool;
  pool.values.reserve(reals.values.size() + fakes.values.size());
  for (const int64_t each : order) {
    const bool real = each < reals.rows();
    const int64_t row = real ? each : each - reals.rows();
    const auto values = (real ? reals : fakes).row(row);
    pool.values.insert(pool.values.end(), values.begin(), values.end());
    pool.row_of.push_back(row);
    pool.is_real.push_back(real ? 1 : 0);
  }
  return pool;
}

// The figures of one cut of the pool, read off the lists.
class Cut {
 public:
  Cut(const std::vector<int64_t>& rows, const std::vector<double>& squares, int64_t listed,
      const Neighborhood& neighborhood, const std::vector<uint8_t>& is_real)
      : rows_(rows), squares_(squares), listed_(listed), k_(neighborhood), is_real_(is_real) {
    precise.assign(is_real.size(), 0);
    recalled.assign(is_real.size(), 0);
    covered.assign(is_real.size(), 0);
    for (int64_t row = 0; row < std::ssize(is_real); ++row)
      is_real[static_cast<size_t>(row)] != 0 ? visit_real(row) : visit_fake(row);
  }

  std::array<double, kPooledFigures.size()> figures() const {
    const auto reals = static_cast<double>(std::ranges::count(is_real_, 1));
    const auto fakes = static_cast<double>(is_real_.size()) - reals;
    const auto share = [](const std::vector<uint8_t>& flags, double of) {
      return static_cast<double>(std::ranges::count(flags, 1)) / of;
    };
    return {share(precise, fakes), share(recalled, reals),
            static_cast<double>(inside_) / (static_cast<double>(k_.coverage_k) * fakes),
            share(covered, reals), static_cast<double>(near_) / fakes};
  }

  std::vector<uint8_t> precise;   // [pool], of fakes
  std::vector<uint8_t> recalled;  // [pool], of reals
  std::vector<uint8_t> covered;

 private:
  // A fake that comes before the k-th other real of the list lies in this real's ball.
  void visit_real(int64_t row) {
    int64_t reals = 0;
    for (int64_t i = 0; i < listed_ && reals < k_.largest(); ++i) {
      const int64_t other = rows_[static_cast<size_t>(row * listed_ + i)];
      if (is_real_[static_cast<size_t>(other)] != 0) {
        ++reals;
        continue;
      }
      if (reals < k_.precision_k) precise[static_cast<size_t>(other)] = 1;
      if (reals >= k_.coverage_k) continue;
      ++inside_;
      covered[static_cast<size_t>(row)] = 1;
    }
  }

  void visit_fake(int64_t row) {
    int64_t fakes = 0;
    bool found = false;
    for (int64_t i = 0; i < listed_ && (fakes < k_.precision_k || !found); ++i) {
      const auto at = static_cast<size_t>(row * listed_ + i);
      const int64_t other = rows_[at];
      if (is_real_[static_cast<size_t>(other)] == 0) {
        ++fakes;
        continue;
      }
      if (fakes < k_.precision_k) recalled[static_cast<size_t>(other)] = 1;
      if (!found) near_ += squares_[at] < kNearRealSquare * nearest_real_square(other) ? 1 : 0;
      found = true;
    }
  }

  double nearest_real_square(int64_t real) const {
    for (int64_t i = 0; i < listed_; ++i) {
      const auto at = static_cast<size_t>(real * listed_ + i);
      if (is_real_[static_cast<size_t>(rows_[at])] != 0) return squares_[at];
    }
    return 0;
  }

  const std::vector<int64_t>& rows_;
  const std::vector<double>& squares_;
  int64_t listed_;
  const Neighborhood& k_;
  const std::vector<uint8_t>& is_real_;
  int64_t inside_ = 0;
  int64_t near_ = 0;
};

// Each rank's rows of a list at their place in the whole one: a sum of one value and zeros.
template <class T>
std::vector<T> whole_list(world::Communicator& control, const std::vector<T>& part, int64_t first,
                          int64_t size) {
  std::vector<T> all(static_cast<size_t>(size), T{0});
  std::copy(part.begin(), part.end(), all.begin() + first);
  world::all_reduce_host(control, std::span<T>(all), world::ReduceOp::sum);
  return all;
}

}  // namespace

PooledFigures measure_pooled(world::Communicator& control, const Features& reals,
                             const Features& fakes, const Neighborhood& neighborhood, int64_t draws,
                             uint64_t seed) {
  const Pool pool = shuffled(reals, fakes, seed);
  const Features rows{pool.values, reals.width};
  const int64_t listed =
      std::min(std::max(kFewestListed, 6 * neighborhood.largest()), rows.rows() - 1);
  const RowRange mine = rows_of_rank(rows.rows(), control.rank(), control.size());
  const Neighbors part = nearest_neighbors(rows, listed, mine);
  const int64_t first = mine.first * listed;
  const auto lists = whole_list(control, part.rows, first, rows.rows() * listed);
  const auto squares = whole_list(control, part.squared, first, rows.rows() * listed);

  PooledFigures measured{.away = std::vector<uint8_t>(static_cast<size_t>(fakes.rows())),
                         .reached = std::vector<uint8_t>(static_cast<size_t>(reals.rows()))};
  const Cut actual(lists, squares, listed, neighborhood, pool.is_real);
  measured.values = actual.figures();
  for (size_t i = 0; i < pool.row_of.size(); ++i) {
    const auto row = static_cast<size_t>(pool.row_of[i]);
    if (pool.is_real[i] != 0) {
      measured.reached[row] = actual.covered[i];
    } else {
      measured.away[row] = actual.precise[i] != 0 ? 0 : 1;
    }
  }
  std::vector<double> packed(static_cast<size_t>(draws) * kPooledFigures.size(), 0.0);
  for (int64_t draw = control.rank(); draw < draws; draw += control.size()) {
    std::vector<uint8_t> is_real = pool.is_real;
    Random random({seed, Purpose("pooled cuts"), static_cast<uint64_t>(draw)});
    for (size_t i = 0; i + 1 < is_real.size(); ++i)
      std::swap(is_real[i], is_real[i + random.below(is_real.size() - i)]);
    const auto figures = Cut(lists, squares, listed, neighborhood, is_real).figures();
    std::ranges::copy(figures, packed.begin() + draw * std::ssize(kPooledFigures));
  }
  world::all_reduce_host(control, std::span<double>(packed), world::ReduceOp::sum);
  for (size_t i = 0; i < packed.size(); ++i)
    measured.draws[i % kPooledFigures.size()].push_back(packed[i]);
  return measured;
}

Worse worse_of(const std::string& pooled_figure) {
  return pooled_figure == "near_reals" ? Worse::high : Worse::low;
}

}  // namespace allmodes::diagnostics

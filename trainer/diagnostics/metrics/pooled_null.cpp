#include "diagnostics/metrics/pooled_null.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/metrics/gathered_list.h"
#include "diagnostics/metrics/neighbour_walk.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

// Neighbours of each pooled row that are listed, at least, where both sets have equal numbers: five
// of the same set are among 32 but for one row in 100,000.
constexpr int64_t kFewestListed = 32;
constexpr double kNearSquare = 1.0 / 16;  // a quarter of the distance
constexpr int64_t kLocal = 30;            // of equal numbers
constexpr double kEmptied = 0.3;          // of their part of the nearest rows
constexpr int64_t kJoined = 10;  // neighbours of a row that a walk goes to, of equal numbers
constexpr double kMostHave = 0.75;
constexpr double kMuchNearerSquare = 0.35 * 0.35;  // near_own
constexpr double kFarSquare = 4;                   // twice the ball's radius
// Those of the figures that are read off a cut's lists; the last ones are of walks.
constexpr size_t kOfCut = kPooledFigures.size() - std::tuple_size_v<WalkFigures>;

// Pooled rows in a random order, in which rows at equal distances come in no order of sets.
struct Pool {
  std::vector<float> values;     // [n + m][width]
  std::vector<int64_t> row_of;   // [n + m], the row in its own set
  std::vector<uint8_t> is_real;  // [n + m]
};

Pool shuffled(const Features& reals, const Features& fakes, uint64_t seed) {
  const int64_t rows = reals.rows() + fakes.rows();
  Random random({seed, Purpose("pooled rows")});
  Pool pool;
  pool.values.reserve(reals.values.size() + fakes.values.size());
  for (const int64_t each : random_order(rows, rows, random)) {
    const bool real = each < reals.rows();
    const int64_t row = real ? each : each - reals.rows();
    const auto values = (real ? reals : fakes).row(row);
    pool.values.insert(pool.values.end(), values.begin(), values.end());
    pool.row_of.push_back(row);
    pool.is_real.push_back(real ? 1 : 0);
  }
  return pool;
}

// So many neighbours of unequal sets hold as many of the smaller one as `of_equal` do of equal
// ones.
int64_t of_unequal(int64_t of_equal, int64_t reals, int64_t fakes) {
  const double times =
      static_cast<double>(reals + fakes) / (2.0 * static_cast<double>(std::min(reals, fakes)));
  return static_cast<int64_t>(std::ceil(static_cast<double>(of_equal) * times));
}

// The figures of one cut of the pool, read off the lists.
class Cut {
 public:
  Cut(const std::vector<int64_t>& rows, const std::vector<double>& squares, int64_t listed,
      const Neighborhood& neighborhood, const std::vector<uint8_t>& is_real)
      : rows_(rows), squares_(squares), listed_(listed), k_(neighborhood), is_real_(is_real) {
    for (auto* flags :
         {&precise, &recalled, &covered, &emptied, &crowded, &repeated, &invented, &near_own})
      flags->assign(is_real.size(), 0);
    reals_ = static_cast<double>(std::ranges::count(is_real_, 1));
    fakes_ = static_cast<double>(is_real_.size()) - reals_;
    local_ = std::min(
        listed_, of_unequal(kLocal, static_cast<int64_t>(reals_), static_cast<int64_t>(fakes_)));
    usual_spacing_ = usual_spacing();
    std::vector<double> of_fakes(is_real.size(), std::numeric_limits<double>::infinity());
    for (int64_t row = 0; row < std::ssize(is_real); ++row) {
      look_around(row);
      if (is_real[static_cast<size_t>(row)] != 0) {
        visit_real(row);
      } else {
        of_fakes[static_cast<size_t>(row)] = visit_fake(row);
      }
    }
    mark_repeated(of_fakes);
    mark_near_own();
    mark_invented();
  }

  std::array<double, kOfCut> figures() const {
    return {share(precise, 0),
            share(recalled, 1),
            static_cast<double>(inside_) / (static_cast<double>(k_.coverage_k) * fakes_),
            share(covered, 1),
            static_cast<double>(near_) / fakes_,
            share(repeated, 0),
            share(near_own, 0) - share(near_own, 1),
            share(emptied, 1) - share(emptied, 0),
            share(crowded, 0) - share(crowded, 1),
            share(invented, 0)};
  }

  double repeated_reals() const {
    std::vector<double> of_reals, of_fakes, of_repeated;
    for (int64_t row = 0; row < std::ssize(is_real_); ++row) {
      const auto at = static_cast<size_t>(row);
      const double square = second_square(row, is_real_[at]);
      (is_real_[at] != 0 ? of_reals : of_fakes).push_back(square);
      if (repeated[at] != 0) of_repeated.push_back(square);
    }
    if (of_repeated.empty()) return 0;
    const double usual = median(of_fakes);
    const double stretch = usual > 0 ? std::max(1.0, median(of_reals) / usual) : 1;
    // Nine in ten of them, so that a half of the reals that are as dense is not left out.
    const auto at = static_cast<std::ptrdiff_t>(0.9 * static_cast<double>(of_repeated.size()));
    std::ranges::nth_element(of_repeated, of_repeated.begin() + at);
    const double limit = stretch * of_repeated[static_cast<size_t>(at)];
    const auto near = std::ranges::count_if(of_reals, [&](double x) { return x <= limit; });
    return static_cast<double>(near) / reals_;
  }

  std::vector<uint8_t> precise;   // [pool], of fakes
  std::vector<uint8_t> recalled;  // [pool], of reals
  std::vector<uint8_t> covered;
  std::vector<uint8_t> emptied;   // [pool], of either
  std::vector<uint8_t> crowded;   // [pool], of either: the same of reals around
  std::vector<uint8_t> repeated;  // [pool], of fakes
  std::vector<uint8_t> invented;  // [pool], of fakes
  std::vector<uint8_t> near_own;  // [pool], of either

 private:
  // Share of the rows of one set that are marked.
  double share(const std::vector<uint8_t>& flags, uint8_t of) const {
    int64_t marked = 0;
    for (size_t i = 0; i < flags.size(); ++i) marked += is_real_[i] == of && flags[i] != 0 ? 1 : 0;
    return static_cast<double>(marked) / (of != 0 ? reals_ : fakes_);
  }

  void look_around(int64_t row) {
    int64_t reals = 0;
    for (int64_t i = 0; i < local_; ++i)
      reals += is_real_[static_cast<size_t>(rows_[static_cast<size_t>(row * listed_ + i)])];
    const double of_reals = static_cast<double>(reals) / reals_;
    const double of_fakes = static_cast<double>(local_ - reals) / fakes_;
    emptied[static_cast<size_t>(row)] = of_fakes < kEmptied * of_reals ? 1 : 0;
    crowded[static_cast<size_t>(row)] = of_reals < kEmptied * of_fakes ? 1 : 0;
  }

  // A fake that is as near as the k-th other real of the list lies in this real's ball. Equal rows
  // all have one list, in which any of them may come first.
  void visit_real(int64_t row) {
    int64_t reals = 0;
    double precision_ball = std::numeric_limits<double>::infinity();
    double coverage_ball = precision_ball;
    for (int64_t i = 0; i < listed_; ++i) {
      const auto at = static_cast<size_t>(row * listed_ + i);
      const int64_t other = rows_[at];
      if (squares_[at] > std::max(precision_ball, coverage_ball)) break;
      if (is_real_[static_cast<size_t>(other)] != 0) {
        ++reals;
        if (reals == k_.precision_k) precision_ball = squares_[at];
        if (reals == k_.coverage_k) coverage_ball = squares_[at];
        continue;
      }
      if (squares_[at] <= precision_ball) precise[static_cast<size_t>(other)] = 1;
      if (squares_[at] > coverage_ball) continue;
      ++inside_;
      covered[static_cast<size_t>(row)] = 1;
    }
  }

  // The median squared distance of a real to its nearest other one: for fakes among so many others
  // that no real is listed.
  double usual_spacing() const {
    std::vector<double> found;
    for (int64_t row = 0; row < std::ssize(is_real_); ++row)
      if (is_real_[static_cast<size_t>(row)] != 0) found.push_back(nearest_real_square(row));
    return median(std::move(found));
  }

  // Returns the squared distance of the second nearest other fake over that of the nearest real to
  // its nearest other one; infinity where the list holds no two fakes.
  double visit_fake(int64_t row) {
    int64_t fakes = 0;
    double second = std::numeric_limits<double>::infinity();
    double spacing = 0;
    bool found = false;
    for (int64_t i = 0; i < listed_ && (fakes < std::max<int64_t>(2, k_.precision_k) || !found);
         ++i) {
      const auto at = static_cast<size_t>(row * listed_ + i);
      const int64_t other = rows_[at];
      if (is_real_[static_cast<size_t>(other)] == 0) {
        if (++fakes == 2) second = squares_[at];
        continue;
      }
      if (fakes < k_.precision_k) recalled[static_cast<size_t>(other)] = 1;
      if (found) continue;
      found = true;
      spacing = nearest_real_square(other);
      near_ += squares_[at] < kNearSquare * spacing ? 1 : 0;
    }
    if (!found) spacing = usual_spacing_;
    return spacing > 0 ? second / spacing : std::numeric_limits<double>::infinity();
  }

  void mark_repeated(const std::vector<double>& of_fakes) {
    std::vector<double> known;
    for (size_t i = 0; i < of_fakes.size(); ++i)
      if (is_real_[i] == 0) known.push_back(of_fakes[i]);
    const auto at = static_cast<std::ptrdiff_t>(kMostHave * static_cast<double>(known.size()));
    std::ranges::nth_element(known, known.begin() + std::min(at, std::ssize(known) - 1));
    const double most_have = known[static_cast<size_t>(std::min(at, std::ssize(known) - 1))];
    const double limit = kNearSquare * std::min(1.0, most_have);
    for (size_t i = 0; i < of_fakes.size(); ++i)
      repeated[i] = is_real_[i] == 0 && of_fakes[i] < limit ? 1 : 0;
  }

  void mark_near_own() {
    std::array<std::vector<double>, 2> ratios;
    for (int64_t row = 0; row < std::ssize(is_real_); ++row)
      ratios.at(is_real_[static_cast<size_t>(row)]).push_back(own_over_other(row));
    std::array<double, 2> limits = {};
    for (size_t set = 0; set < 2; ++set)
      limits.at(set) = kMuchNearerSquare * median(ratios.at(set));
    std::array<size_t, 2> next = {0, 0};
    for (size_t row = 0; row < is_real_.size(); ++row) {
      const size_t set = is_real_[row];
      near_own[row] = ratios.at(set)[next.at(set)++] < limits.at(set) ? 1 : 0;
    }
  }

  // Of squared distances: to the second nearest row of its own set over that of the other one. The
  // last that is listed stands for what is farther.
  double own_over_other(int64_t row) const {
    const double own = second_square(row, is_real_[static_cast<size_t>(row)]);
    const double other = second_square(row, 1 - is_real_[static_cast<size_t>(row)]);
    return other > 0 ? own / other : 1;
  }

  // Whose balls are known only now.
  void mark_invented() {
    for (int64_t row = 0; row < std::ssize(is_real_); ++row) {
      const auto at = static_cast<size_t>(row);
      if (is_real_[at] != 0 || repeated[at] != 0 || precise[at] != 0) continue;
      invented[at] = crowded[at] != 0 || far_from_reals(row) ? 1 : 0;
    }
  }

  bool far_from_reals(int64_t fake) const {
    for (int64_t i = 0; i < listed_; ++i) {
      const auto at = static_cast<size_t>(fake * listed_ + i);
      if (is_real_[static_cast<size_t>(rows_[at])] == 0) continue;
      const double ball = real_square(rows_[at], k_.precision_k);
      return squares_[at] > kFarSquare * std::max(ball, usual_spacing_);
    }
    return true;  // so many fakes are nearer than any real
  }

  double nearest_real_square(int64_t real) const { return real_square(real, 1); }

  // To the second nearest other row of a set; to the last that is listed where fewer are.
  double second_square(int64_t row, uint8_t set) const {
    int64_t found = 0;
    for (int64_t i = 0; i < listed_; ++i) {
      const auto at = static_cast<size_t>(row * listed_ + i);
      if (is_real_[static_cast<size_t>(rows_[at])] == set && ++found == 2) return squares_[at];
    }
    return squares_[static_cast<size_t>((row + 1) * listed_ - 1)];
  }

  // Of the real's k-th nearest other real, or the last that is listed; 0 where none is.
  double real_square(int64_t real, int64_t k) const {
    double square = 0;
    for (int64_t i = 0; i < listed_ && k > 0; ++i) {
      const auto at = static_cast<size_t>(real * listed_ + i);
      if (is_real_[static_cast<size_t>(rows_[at])] == 0) continue;
      square = squares_[at];
      --k;
    }
    return square;
  }

  const std::vector<int64_t>& rows_;
  const std::vector<double>& squares_;
  int64_t listed_;
  const Neighborhood& k_;
  const std::vector<uint8_t>& is_real_;
  double reals_ = 0;
  double fakes_ = 0;
  int64_t local_ = 0;  // neighbours that are looked at around a row
  double usual_spacing_ = 0;
  int64_t inside_ = 0;
  int64_t near_ = 0;
};

std::array<double, kPooledFigures.size()> all_figures(const std::array<double, kOfCut>& of_cut,
                                                      const WalkFigures& of_walks) {
  std::array<double, kPooledFigures.size()> figures = {};
  std::ranges::copy(of_cut, figures.begin());
  std::ranges::copy(of_walks, figures.begin() + kOfCut);
  return figures;
}

// Which rows of the pool are reals in one of its cuts.
std::vector<uint8_t> marks_of_cut(const Pool& pool, uint64_t seed, int64_t draw) {
  std::vector<uint8_t> is_real = pool.is_real;
  Random random({seed, Purpose("pooled cuts"), static_cast<uint64_t>(draw)});
  shuffle_front(is_real, is_real.size(), random);
  return is_real;
}

WalkedCuts walked_cuts(world::Communicator& control, const std::vector<int64_t>& lists,
                       int64_t listed, const Pool& pool, int64_t draws, uint64_t seed) {
  const auto reals = std::ranges::count(pool.is_real, 1);
  const int64_t joined =
      std::min(listed, of_unequal(kJoined, reals, std::ssize(pool.is_real) - reals));
  return compare_walks(control, NeighbourWalk(lists, listed, joined), pool.is_real, draws,
                       [&](int64_t draw) { return marks_of_cut(pool, seed, draw); });
}

}  // namespace

PooledFigures measure_pooled(world::Communicator& control, const Features& reals,
                             const Features& fakes, const Neighborhood& neighborhood, int64_t draws,
                             uint64_t seed) {
  const Pool pool = shuffled(reals, fakes, seed);
  const Features rows{pool.values, reals.width};
  const int64_t listed = std::min(
      of_unequal(std::max(kFewestListed, 6 * neighborhood.largest()), reals.rows(), fakes.rows()),
      rows.rows() - 1);
  const RowRange mine = rows_of_rank(rows.rows(), control.rank(), control.size());
  const Neighbors part = nearest_neighbors(rows, listed, mine);
  const int64_t first = mine.first * listed;
  const auto lists = gathered_list(control, part.rows, first, rows.rows() * listed);
  const auto squares = gathered_list(control, part.squared, first, rows.rows() * listed);

  PooledFigures measured;
  for (auto* flags : {&measured.away, &measured.emptied_fakes, &measured.shorted_fakes,
                      &measured.repeated, &measured.near_own, &measured.invented})
    flags->resize(static_cast<size_t>(fakes.rows()));
  for (auto* flags : {&measured.reached, &measured.emptied, &measured.shorted})
    flags->resize(static_cast<size_t>(reals.rows()));
  const Cut actual(lists, squares, listed, neighborhood, pool.is_real);
  const WalkedCuts walked = walked_cuts(control, lists, listed, pool, draws, seed);
  measured.values = all_figures(actual.figures(), walked.actual);
  measured.repeated_reals = actual.repeated_reals();
  for (size_t i = 0; i < pool.row_of.size(); ++i) {
    const auto row = static_cast<size_t>(pool.row_of[i]);
    if (pool.is_real[i] != 0) {
      measured.reached[row] = actual.covered[i];
      measured.emptied[row] = actual.emptied[i];
      measured.shorted[row] = walked.shorted[i];
    } else {
      measured.away[row] = actual.precise[i] != 0 ? 0 : 1;
      measured.emptied_fakes[row] = actual.emptied[i];
      measured.shorted_fakes[row] = walked.shorted[i];
      measured.repeated[row] = actual.repeated[i];
      measured.near_own[row] = actual.near_own[i];
      measured.invented[row] = actual.invented[i];
    }
  }
  std::vector<double> packed(static_cast<size_t>(draws) * kOfCut, 0.0);
  for (int64_t draw = control.rank(); draw < draws; draw += control.size()) {
    const auto marks = marks_of_cut(pool, seed, draw);
    const auto figures = Cut(lists, squares, listed, neighborhood, marks).figures();
    std::ranges::copy(figures, packed.begin() + draw * std::ssize(figures));
  }
  sum_over_ranks(control, packed);
  for (size_t draw = 0; draw < walked.draws.size(); ++draw) {
    std::array<double, kOfCut> of_cut = {};
    std::copy_n(packed.begin() + static_cast<std::ptrdiff_t>(draw * kOfCut), kOfCut,
                of_cut.begin());
    const auto figures = all_figures(of_cut, walked.draws[draw]);
    for (size_t i = 0; i < figures.size(); ++i) measured.draws[i].push_back(figures[i]);
  }
  return measured;
}

Worse worse_of(const std::string& pooled_figure) {
  const bool high = pooled_figure.starts_with("near_") || pooled_figure.starts_with("local_") ||
                    pooled_figure == "invented" || pooled_figure.ends_with("_score");
  return high ? Worse::high : Worse::low;
}

}  // namespace allmodes::diagnostics

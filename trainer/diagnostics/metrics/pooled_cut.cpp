#include "diagnostics/metrics/pooled_cut.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnostics/statistics/moments.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kNearSquare = 1.0 / 16;  // a quarter of the distance
constexpr double kMostHave = 0.75;
constexpr double kMuchNearerSquare = 0.35 * 0.35;  // near_own
constexpr double kFarSquare = 4;                   // twice the ball's radius

}  // namespace

PooledCut::PooledCut(const PooledRows& pool, const Neighborhood& neighborhood,
                     const std::vector<uint8_t>& is_real)
    : local(pool, is_real),
      rows_(pool.lists),
      squares_(pool.squares),
      listed_(pool.listed),
      k_(neighborhood),
      is_real_(is_real) {
  for (auto* flags : {&precise, &recalled, &covered, &repeated, &invented, &near_own})
    flags->assign(is_real.size(), 0);
  reals_ = static_cast<double>(std::ranges::count(is_real_, 1));
  fakes_ = static_cast<double>(is_real_.size()) - reals_;
  usual_spacing_ = usual_spacing();
  std::vector<double> of_fakes(is_real.size(), std::numeric_limits<double>::infinity());
  for (int64_t row = 0; row < std::ssize(is_real); ++row) {
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

std::array<double, kCutFigures> PooledCut::figures() const {
  return {share(precise, 0),
          share(recalled, 1),
          static_cast<double>(inside_) / (static_cast<double>(k_.coverage_k) * fakes_),
          share(covered, 1),
          static_cast<double>(near_) / fakes_,
          share(repeated, 0),
          share(near_own, 0) - share(near_own, 1),
          share(invented, 0)};
}

double PooledCut::repeated_reals() const {
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

double PooledCut::share(const std::vector<uint8_t>& flags, uint8_t of) const {
  int64_t marked = 0;
  for (size_t i = 0; i < flags.size(); ++i) marked += is_real_[i] == of && flags[i] != 0 ? 1 : 0;
  return static_cast<double>(marked) / (of != 0 ? reals_ : fakes_);
}

void PooledCut::visit_real(int64_t row) {
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

double PooledCut::usual_spacing() const {
  std::vector<double> found;
  for (int64_t row = 0; row < std::ssize(is_real_); ++row)
    if (is_real_[static_cast<size_t>(row)] != 0) found.push_back(nearest_real_square(row));
  return median(std::move(found));
}

double PooledCut::visit_fake(int64_t row) {
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

void PooledCut::mark_repeated(const std::vector<double>& of_fakes) {
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

void PooledCut::mark_near_own() {
  std::array<std::vector<double>, 2> ratios;
  for (int64_t row = 0; row < std::ssize(is_real_); ++row)
    ratios.at(is_real_[static_cast<size_t>(row)]).push_back(own_over_other(row));
  std::array<double, 2> limits = {};
  for (size_t set = 0; set < 2; ++set) limits.at(set) = kMuchNearerSquare * median(ratios.at(set));
  std::array<size_t, 2> next = {0, 0};
  for (size_t row = 0; row < is_real_.size(); ++row) {
    const size_t set = is_real_[row];
    near_own[row] = ratios.at(set)[next.at(set)++] < limits.at(set) ? 1 : 0;
  }
}

double PooledCut::own_over_other(int64_t row) const {
  const double own = second_square(row, is_real_[static_cast<size_t>(row)]);
  const double other = second_square(row, 1 - is_real_[static_cast<size_t>(row)]);
  return other > 0 ? own / other : 1;
}

void PooledCut::mark_invented() {
  for (int64_t row = 0; row < std::ssize(is_real_); ++row) {
    const auto at = static_cast<size_t>(row);
    if (is_real_[at] != 0 || repeated[at] != 0 || precise[at] != 0) continue;
    invented[at] = local.crowded[at] != 0 || far_from_reals(row) ? 1 : 0;
  }
}

bool PooledCut::far_from_reals(int64_t fake) const {
  for (int64_t i = 0; i < listed_; ++i) {
    const auto at = static_cast<size_t>(fake * listed_ + i);
    if (is_real_[static_cast<size_t>(rows_[at])] == 0) continue;
    const double ball = real_square(rows_[at], k_.precision_k);
    return squares_[at] > kFarSquare * std::max(ball, usual_spacing_);
  }
  return true;  // so many fakes are nearer than any real
}

double PooledCut::second_square(int64_t row, uint8_t set) const {
  int64_t found = 0;
  for (int64_t i = 0; i < listed_; ++i) {
    const auto at = static_cast<size_t>(row * listed_ + i);
    if (is_real_[static_cast<size_t>(rows_[at])] == set && ++found == 2) return squares_[at];
  }
  return squares_[static_cast<size_t>((row + 1) * listed_ - 1)];
}

double PooledCut::real_square(int64_t real, int64_t k) const {
  double square = 0;
  for (int64_t i = 0; i < listed_ && k > 0; ++i) {
    const auto at = static_cast<size_t>(real * listed_ + i);
    if (is_real_[static_cast<size_t>(rows_[at])] == 0) continue;
    square = squares_[at];
    --k;
  }
  return square;
}

}  // namespace allmodes::diagnostics

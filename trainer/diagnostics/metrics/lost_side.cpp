#include "diagnostics/metrics/lost_side.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/mv.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/statistics/distributions.h"
#include "diagnostics/statistics/moments.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kFewestRows = 40;
constexpr double kSides[] = {0.1, 0.2, 0.3, 0.4, 0.5};  // of the reals
constexpr double kShortSide = 0.5;                      // of its share
constexpr double kStillShort = -2;                      // log10 of p
constexpr double kAsWide = 0.8;      // variance of the samples over that of the reals
constexpr double kByChance = 1.5;    // deviations that this ratio may be lower by chance
constexpr double kSideRidge = 0.05;  // of the mean variance
// How often of two rows of the other side, a real and a sample, the sample lies farther away: one
// half where the data are cut, two in three where they are moved by 0.8 deviations.
constexpr double kMostApart = 0.085;  // from one half
// From here on the samples' width is taken to be low by chance, as far as that may be.
constexpr double kSomewhatApart = 0.04;

at::Tensor rows_of_half(const Features& features, int64_t half) {
  at::Tensor rows = at::empty({(features.rows() + 1 - half) / 2, features.width}, at::kFloat);
  float* out = rows.data_ptr<float>();
  for (int64_t row = half; row < features.rows(); row += 2)
    out = std::ranges::copy(features.row(row), out).out;
  return rows.to(at::kDouble);
}

std::vector<double> places_along(const Features& features, const at::Tensor& direction) {
  std::vector<double> places;
  const auto* w = direction.const_data_ptr<double>();
  for (int64_t row = 0; row < features.rows(); ++row) {
    const auto values = features.row(row);
    double sum = 0;
    for (size_t j = 0; j < values.size(); ++j) sum += static_cast<double>(values[j]) * w[j];
    places.push_back(sum);
  }
  return places;
}

std::vector<double> every_other(const std::vector<double>& values, size_t from) {
  std::vector<double> chosen;
  for (size_t i = from; i < values.size(); i += 2) chosen.push_back(values[i]);
  std::ranges::sort(chosen);
  return chosen;
}

int64_t count_above(const std::vector<double>& sorted, double limit) {
  return sorted.end() - std::ranges::upper_bound(sorted, limit);
}

// Points towards the reals that samples lack.
at::Tensor discriminant(const Features& reals, const Features& fakes, int64_t half) {
  const at::Tensor real = rows_of_half(reals, half);
  const at::Tensor fake = rows_of_half(fakes, half);
  const at::Tensor centred = at::cat({real - real.mean(0), fake - fake.mean(0)});
  const at::Tensor covariance = centred.t().mm(centred) / centred.size(0);
  const double ridge = kSideRidge * covariance.diagonal().mean().item<double>() + 1e-30;
  return at::linalg_solve(covariance + ridge * at::eye(reals.width, at::kDouble),
                          real.mean(0) - fake.mean(0))
      .contiguous();
}

// Of a real and a sample below the limit, how often the sample is lower.
double lower_share(const std::vector<double>& reals, const std::vector<double>& fakes,
                   double limit) {
  double lower = 0, pairs = 0;
  const auto below = static_cast<double>(std::ranges::upper_bound(reals, limit) - reals.begin());
  for (const double fake : fakes) {
    if (fake > limit) break;
    const auto not_above =
        static_cast<double>(std::ranges::upper_bound(reals, fake) - reals.begin());
    lower += below - not_above;
    pairs += below;
  }
  return pairs > 0 ? lower / pairs : 0.5;
}

// The side of rising places that samples lack most surely, and the place where it begins.
struct ShortSide {
  LostSide side;
  double limit = 0;
};
std::optional<ShortSide> short_side(const std::vector<double>& real,
                                    const std::vector<double>& fake) {
  const auto n = std::ssize(real), m = std::ssize(fake);
  const double tests = 2.0 * std::size(kSides);
  std::optional<ShortSide> best;
  for (const double side : kSides) {
    const double limit = real[static_cast<size_t>(static_cast<double>(n) * (1 - side))];
    const int64_t of_reals = count_above(real, limit);
    const int64_t made = count_above(fake, limit);
    const double share = static_cast<double>(of_reals) / static_cast<double>(n);
    if (static_cast<double>(made) >= kShortSide * share * static_cast<double>(m)) continue;
    const double tail = std::min(
        0.0, hypergeometric_lower_log10(made, m, made + of_reals, n + m) + std::log10(tests));
    if (best && tail >= best->side.log10_tail) continue;
    best = ShortSide{.side = {.share = share,
                              .made = made,
                              .samples = m,
                              .log10_tail = tail,
                              .reals = {},
                              .fakes = {}},
                     .limit = limit};
  }
  return best;
}

// Whether the samples are as wide as the reals, and lack no side once they have their mean: what is
// cut off is narrower, and stays short of that side. `apart`: lower_share() beyond one half.
bool is_moved(const std::vector<double>& real, std::vector<double> fake, double apart) {
  Moments of_reals, of_fakes;
  for (const double place : real) add(of_reals, place);
  for (const double place : fake) add(of_fakes, place);
  // Of the ratio of two normal variances.
  const double deviation =
      std::sqrt(2 / static_cast<double>(real.size()) + 2 / static_cast<double>(fake.size()));
  const double narrow = kAsWide - (apart > kSomewhatApart ? kByChance * deviation : 0);
  if (variance(of_fakes) < narrow * variance(of_reals)) return false;
  for (double& place : fake) place += mean(of_reals) - mean(of_fakes);
  const auto left = short_side(real, fake);
  return !left || left->side.log10_tail > kStillShort;
}

std::optional<LostSide> side_of_half(const Features& reals, const Features& fakes, int64_t half) {
  const at::Tensor direction = discriminant(reals, fakes, half);
  const auto real_places = places_along(reals, direction);
  const auto fake_places = places_along(fakes, direction);
  const auto real = every_other(real_places, static_cast<size_t>(1 - half));
  const auto fake = every_other(fake_places, static_cast<size_t>(1 - half));
  const double middle = real[real.size() / 2];
  const double apart = lower_share(real, fake, middle) - 0.5;
  if (std::abs(apart) > kMostApart) return std::nullopt;
  auto found = short_side(real, fake);
  if (!found || is_moved(real, fake, apart)) return std::nullopt;
  for (const double place : real_places) found->side.reals.push_back(place > found->limit ? 1 : 0);
  for (const double place : fake_places) found->side.fakes.push_back(place > found->limit ? 1 : 0);
  return std::move(found->side);
}

}  // namespace

std::optional<LostSide> lost_side(const Features& reals, const Features& fakes) {
  const at::NoGradGuard no_grad;
  if (std::min(reals.rows(), fakes.rows()) < kFewestRows || reals.width > kWidestSide)
    return std::nullopt;
  auto first = side_of_half(reals, fakes, 0);
  auto second = side_of_half(reals, fakes, 1);
  if (!first || (second && second->log10_tail < first->log10_tail)) return second;
  return first;
}

}  // namespace allmodes::diagnostics

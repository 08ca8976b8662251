#include "diagnostics/metrics/picture_detail.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diagnostics/statistics/distributions.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/rank_sum.h"

namespace allmodes::diagnostics {
namespace {

// A picture of one colour has none; what is added is far below a grey level of 1/255 in one pixel.
constexpr double kLeastEnergy = 1e-6;
constexpr double kSmoother = 0.99;  // of the reals

double detail_of(const float* plane, int64_t height, int64_t width) {
  double energy = 0;
  for (int64_t y = 1; y + 1 < height; ++y)
    for (int64_t x = 1; x + 1 < width; ++x) {
      const float* at = plane + y * width + x;
      const double around =
          0.25 * (static_cast<double>(at[-1]) + static_cast<double>(at[1]) +
                  static_cast<double>(at[-width]) + static_cast<double>(at[width]));
      const double difference = static_cast<double>(*at) - around;
      energy += difference * difference;
    }
  return energy;
}

std::vector<double> details_of(std::span<const float> pictures, const PictureSets& sets) {
  const int64_t plane = sets.height * sets.width;
  const int64_t each = sets.channels * plane;
  std::vector<double> found;
  for (int64_t at = 0; at < std::ssize(pictures); at += each) {
    double energy = kLeastEnergy;
    for (int64_t c = 0; c < sets.channels; ++c)
      energy += detail_of(pictures.data() + at + c * plane, sets.height, sets.width);
    found.push_back(std::log(energy));
  }
  return found;
}

}  // namespace

DetailFigures compare_detail(const PictureSets& sets, const std::vector<int64_t>& nearest_of_real,
                             const std::vector<int64_t>& nearest_of_fake) {
  const auto of_reals = details_of(sets.reals, sets);
  const auto of_fakes = details_of(sets.fakes, sets);
  ALLMODES_CHECK(of_reals.size() == nearest_of_real.size() && !of_reals.empty() &&
                     of_fakes.size() == nearest_of_fake.size() && !of_fakes.empty(),
                 "{} and {} pictures, {} and {} nearest ones", of_reals.size(), of_fakes.size(),
                 nearest_of_real.size(), nearest_of_fake.size());
  const auto beside = [&](const std::vector<double>& details, const std::vector<int64_t>& nearest) {
    std::vector<double> ratios;
    for (size_t i = 0; i < details.size(); ++i)
      ratios.push_back(details[i] - of_reals[static_cast<size_t>(nearest[i])]);
    return ratios;
  };
  const auto fakes = beside(of_fakes, nearest_of_fake);
  const auto reals = beside(of_reals, nearest_of_real);
  const double lower = rank_sum_log10(fakes, reals);
  const double upper = rank_sum_log10(reals, fakes);
  auto sorted = reals;
  std::ranges::sort(sorted);
  const auto last = static_cast<size_t>(kSmoother * static_cast<double>(sorted.size() - 1));
  const auto rough = [&](double ratio) { return ratio > sorted[last]; };
  const int64_t of_fake = std::ranges::count_if(fakes, rough);
  const int64_t of_real = std::ranges::count_if(reals, rough);
  const int64_t m = std::ssize(fakes), n = std::ssize(reals);
  return {.ratio = std::exp(median(fakes) - median(reals)),
          .log10_tail = std::min(0.0, std::min(lower, upper) + std::log10(2.0)),
          .rougher = static_cast<double>(of_fake) / static_cast<double>(m),
          .rougher_reals = static_cast<double>(of_real) / static_cast<double>(n),
          .rougher_log10_tail = hypergeometric_lower_log10(of_real, n, of_real + of_fake, n + m)};
}

}  // namespace allmodes::diagnostics

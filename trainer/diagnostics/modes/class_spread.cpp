#include "diagnostics/modes/class_spread.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

ClassSums make_class_sums(int64_t classes, int64_t width) {
  ALLMODES_CHECK(classes >= 1 && width >= 1, "{} classes of {} numbers", classes, width);
  const auto k = static_cast<size_t>(classes);
  return {.width = width,
          .counts = std::vector<int64_t>(k, 0),
          .sums = std::vector<double>(k * static_cast<size_t>(width), 0.0),
          .squares = std::vector<double>(k, 0.0)};
}

void add(ClassSums& sums, std::span<const float> samples, std::span<const int64_t> labels) {
  const auto width = static_cast<size_t>(sums.width);
  ALLMODES_CHECK(samples.size() == labels.size() * width, "{} numbers of {} samples of {}",
                 samples.size(), labels.size(), width);
  for (size_t i = 0; i < labels.size(); ++i) {
    ALLMODES_CHECK(0 <= labels[i] && labels[i] < std::ssize(sums.counts), "class {} of {}",
                   labels[i], sums.counts.size());
    const auto k = static_cast<size_t>(labels[i]);
    ++sums.counts[k];
    for (size_t j = 0; j < width; ++j) {
      const auto value = static_cast<double>(samples[i * width + j]);
      sums.sums[k * width + j] += value;
      sums.squares[k] += value * value;
    }
  }
}

std::vector<double> class_variances(const ClassSums& sums) {
  const auto width = static_cast<size_t>(sums.width);
  std::vector<double> variances;
  for (size_t k = 0; k < sums.counts.size(); ++k) {
    const auto n = static_cast<double>(sums.counts[k]);
    if (n < 2) {
      variances.push_back(kUnknown);
      continue;
    }
    double of_mean = 0;
    for (size_t j = 0; j < width; ++j)
      of_mean += sums.sums[k * width + j] * sums.sums[k * width + j];
    variances.push_back(std::max(0.0, sums.squares[k] - of_mean / n) / (n - 1));
  }
  return variances;
}

std::vector<double> spread_of_classes(std::span<const double> samples,
                                      std::span<const double> reals) {
  ALLMODES_CHECK(samples.size() == reals.size(), "{} and {} classes", samples.size(), reals.size());
  std::vector<double> spreads;
  for (size_t k = 0; k < samples.size(); ++k)
    spreads.push_back(reals[k] > 0 ? samples[k] / reals[k] : kUnknown);
  return spreads;
}

}  // namespace allmodes::diagnostics

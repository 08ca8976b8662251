// How wide each mode is, and whether both of its halves are there.

#include "diagnostics/modes/comparison.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diagnostics/statistics/small_matrix.h"

namespace allmodes::diagnostics {
namespace {

struct Covariance {
  int64_t samples = 0;
  std::vector<double> mean;
  std::vector<double> matrix;  // [width][width], population
};

// Of each mode, about `centers` (the reals' means) so that no digits are lost.
std::vector<Covariance> covariances(const FeatureRows& rows, int64_t modes, bool as_one,
                                    const std::vector<Reference::Moments>& centers) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<Covariance> found(static_cast<size_t>(modes));
  for (auto& each : found) {
    each.mean.assign(w, 0.0);
    each.matrix.assign(w * w, 0.0);
  }
  std::vector<double> offset(w);
  for (size_t i = 0; i < rows.modes.size(); ++i) {
    const int64_t mode = as_one ? 0 : rows.modes[i];
    if (mode < 0 || mode >= modes) continue;
    const auto k = static_cast<size_t>(mode);
    bool finite = true;
    for (size_t j = 0; j < w; ++j) {
      offset[j] = rows.features[i * w + j] - (centers.empty() ? 0.0 : centers[k].mean[j]);
      finite = finite && std::isfinite(offset[j]);
    }
    if (!finite) continue;
    ++found[k].samples;
    for (size_t a = 0; a < w; ++a) {
      found[k].mean[a] += offset[a];
      for (size_t b = 0; b <= a; ++b) found[k].matrix[a * w + b] += offset[a] * offset[b];
    }
  }
  for (auto& each : found) {
    if (each.samples == 0) continue;
    const auto n = static_cast<double>(each.samples);
    for (double& value : each.mean) value /= n;
    for (size_t a = 0; a < w; ++a) {
      for (size_t b = 0; b <= a; ++b) {
        each.matrix[a * w + b] = each.matrix[a * w + b] / n - each.mean[a] * each.mean[b];
        each.matrix[b * w + a] = each.matrix[a * w + b];
      }
    }
  }
  return found;
}

// Where the rows of each mode lie along its directions, about its mean: [modes][directions][rows];
// no directions of modes that are not measured.
std::vector<std::vector<std::vector<double>>> scores_of(
    const FeatureRows& rows, bool as_one, const std::vector<Reference::Moments>& moments) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<std::vector<std::vector<double>>> scores;
  for (const auto& each : moments) scores.emplace_back(each.whitening.size() / w);
  for (size_t i = 0; i < rows.modes.size(); ++i) {
    const int64_t mode = as_one ? 0 : rows.modes[i];
    if (mode < 0 || mode >= std::ssize(moments)) continue;
    const auto k = static_cast<size_t>(mode);
    for (size_t d = 0; d < scores[k].size(); ++d) {
      double score = 0;
      for (size_t j = 0; j < w; ++j)
        score += moments[k].whitening[d * w + j] * (rows.features[i * w + j] - moments[k].mean[j]);
      if (std::isfinite(score)) scores[k][d].push_back(score);
    }
  }
  return scores;
}

double share_below(const std::vector<double>& scores, double limit) {
  return static_cast<double>(
             std::ranges::count_if(scores, [&](double score) { return score < limit; })) /
         static_cast<double>(scores.size());
}

// How far `value` falls short of 1, in units of what the sampling of n samples and m reals gives.
double deficit(double value, int64_t samples, int64_t reals) {
  const auto n = static_cast<double>(samples);
  const auto m = static_cast<double>(reals);
  return (1 - value) * std::sqrt(n * m / (n + m));
}

}  // namespace

// Means first, then covariances about them, then medians.
std::vector<Reference::Moments> moments_of(const FeatureRows& reals, int64_t modes, bool as_one) {
  std::vector<Reference::Moments> moments;
  for (auto& each : covariances(reals, modes, as_one, {}))
    moments.push_back({.samples = each.samples,
                       .mean = std::move(each.mean),
                       .whitening = {},
                       .medians = {},
                       .below = {}});
  const auto about = covariances(reals, modes, as_one, moments);
  for (size_t k = 0; k < moments.size(); ++k)
    if (about[k].samples >= kFewestInMode)
      moments[k].whitening = whitening(about[k].matrix, reals.width, kSpreadDirections);
  auto scores = scores_of(reals, as_one, moments);
  for (size_t k = 0; k < moments.size(); ++k) {
    for (std::vector<double>& along : scores[k]) {
      const auto middle = along.begin() + std::ssize(along) / 2;
      std::nth_element(along.begin(), middle, along.end());
      moments[k].medians.push_back(*middle);
      moments[k].below.push_back(share_below(along, *middle));
    }
  }
  return moments;
}

std::vector<ModeDeficit> spread_by_mode(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  const bool as_one = !reference.modes_are_large;
  const auto modes = static_cast<int64_t>(reference.moments.size());
  const auto found = covariances(samples, modes, as_one, reference.moments);
  std::vector<ModeDeficit> spreads;
  for (size_t k = 0; k < found.size(); ++k) {
    const auto& real = reference.moments[k];
    if (real.whitening.empty() || found[k].samples < kFewestInMode) continue;
    const auto directions = static_cast<int64_t>(real.whitening.size()) / samples.width;
    const double spread =
        eigen(congruence(real.whitening, found[k].matrix, samples.width), directions).values.back();
    spreads.push_back({as_one ? -1 : static_cast<int64_t>(k), std::max(0.0, spread),
                       deficit(spread, found[k].samples, real.samples)});
  }
  return spreads;
}

std::vector<ModeDeficit> halves_by_mode(const FeatureRows& samples, const Reference& reference) {
  check(samples);
  const bool as_one = !reference.modes_are_large;
  const auto scores = scores_of(samples, as_one, reference.moments);
  std::vector<ModeDeficit> halves;
  for (size_t k = 0; k < scores.size(); ++k) {
    const auto& real = reference.moments[k];
    if (scores[k].empty() || std::ssize(scores[k].front()) < kFewestInMode) continue;
    double lowest = 1;
    for (size_t d = 0; d < scores[k].size(); ++d) {
      // Of values that repeat, half may be at the median itself.
      if (real.below[d] <= 0) continue;
      const double share = share_below(scores[k][d], real.medians[d]);
      lowest = std::min({lowest, share / real.below[d], (1 - share) / (1 - real.below[d])});
    }
    halves.push_back({as_one ? -1 : static_cast<int64_t>(k), lowest,
                      deficit(lowest, std::ssize(scores[k].front()), real.samples)});
  }
  return halves;
}

}  // namespace allmodes::diagnostics

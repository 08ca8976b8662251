#include "data/mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/field_error.h"
#include "base/random.h"
#include "data/array_dataset.h"
#include "data/registry.h"

namespace allmodes::data {
namespace {

constexpr int64_t kMostModes = 1'000'000;

void require(bool holds, const char* field, double value, const char* expected) {
  if (!holds)
    ALLMODES_FAIL(ExitCode::kConfiguration, "data.{}: {} was given, {} is needed", field, value,
                  expected);
}

void require_positive(const char* field, double value) {
  require(std::isfinite(value) && value > 0, field, value, "a number > 0");
}

void require_modes(int64_t modes) {
  require(modes >= 1 && modes <= kMostModes, "modes", static_cast<double>(modes), "1 to 1000000");
}

Mixture equal_weights(std::vector<std::array<double, 2>> means, double std) {
  const size_t modes = means.size();
  return {std::move(means), std::vector<double>(modes, std),
          std::vector<double>(modes, 1.0 / static_cast<double>(modes))};
}

// Two decimals and never "-0.00".
double rounded(double x) {
  return std::round(x * 100.0) / 100.0 + 0.0;
}

}  // namespace

std::string Mixture::name(int64_t mode) const {
  const auto& mean = means.at(static_cast<size_t>(mode));
  return fmt::format("mode {} ({:.2f}, {:.2f})", mode, rounded(mean[0]), rounded(mean[1]));
}

Mixture ring_mixture(int64_t modes, double radius, double std) {
  require_modes(modes);
  require_positive("radius", radius);
  require_positive("std", std);
  std::vector<std::array<double, 2>> means;
  for (int64_t i = 0; i < modes; ++i) {
    const double angle =
        2.0 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(modes);
    means.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return equal_weights(std::move(means), std);
}

Mixture grid_mixture(int64_t modes, double spacing, double std) {
  require_modes(modes);
  require_positive("spacing", spacing);
  require_positive("std", std);
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(modes))));
  if (side * side != modes) {
    const int64_t below = static_cast<int64_t>(std::sqrt(static_cast<double>(modes)));
    ALLMODES_FAIL(
        ExitCode::kConfiguration,
        "data.modes: {} is not a square number, as a grid needs; the nearest are {} and {}", modes,
        below * below, (below + 1) * (below + 1));
  }
  std::vector<std::array<double, 2>> means;
  const double centre = static_cast<double>(side - 1) / 2.0;
  for (int64_t i = 0; i < side; ++i)
    for (int64_t j = 0; j < side; ++j)
      means.push_back({(static_cast<double>(i) - centre) * spacing,
                       (static_cast<double>(j) - centre) * spacing});
  return equal_weights(std::move(means), std);
}

Mixture custom_mixture(const std::vector<config::Mode>& modes) {
  if (modes.empty())
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "data.mode: the data set 'mixture' needs at least one component, for example "
                  "mode {{ mean: 0 mean: 1 std: 0.1 }}");
  require_modes(static_cast<int64_t>(modes.size()));
  Mixture mixture;
  for (size_t k = 0; k < modes.size(); ++k) {
    const config::Mode& mode = modes[k];
    if (mode.mean.size() != 2 || !std::isfinite(mode.mean[0]) || !std::isfinite(mode.mean[1]))
      ALLMODES_FAIL(ExitCode::kConfiguration,
                    "data.mode[{}].mean: {} values were given, two finite ones are needed", k,
                    mode.mean.size());
    require_positive(fmt::format("mode[{}].std", k).c_str(), mode.std);
    require_positive(fmt::format("mode[{}].weight", k).c_str(), mode.weight);
    mixture.means.push_back({mode.mean[0], mode.mean[1]});
    mixture.stds.push_back(mode.std);
    mixture.weights.push_back(mode.weight);
  }
  const double sum = std::accumulate(mixture.weights.begin(), mixture.weights.end(), 0.0);
  require_positive("mode.weight (their sum)", sum);
  for (double& weight : mixture.weights) weight /= sum;
  return mixture;
}

void sample_mixture(const Mixture& mixture, uint64_t seed, uint64_t first, int64_t n, float* xy,
                    int64_t* labels) {
  ALLMODES_CHECK(mixture.modes() >= 1, "a mixture without modes has no samples");
  std::vector<double> upper(mixture.weights.size());
  std::partial_sum(mixture.weights.begin(), mixture.weights.end(), upper.begin());

  const NoiseKey choice{.seed = seed, .purpose = Purpose("data/mixture/mode")};
  const NoiseKey offset{.seed = seed, .purpose = Purpose("data/mixture")};
  constexpr int64_t kChunk = 4096;
  std::vector<float> uniform(2 * kChunk);
  std::vector<float> normal(2 * kChunk);
  for (int64_t start = 0; start < n; start += kChunk) {
    const int64_t count = std::min(kChunk, n - start);
    const uint64_t index = first + static_cast<uint64_t>(start);
    fill_uniform(choice, index, count, 2, uniform.data());
    fill_normal(offset, index, count, 2, normal.data());
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(2 * i);
      // 48 bits, so that components of tiny weight are drawn too.
      const double u = (uniform[at] + uniform[at + 1] * 0x1.0p-24) * upper.back();
      const auto found = std::upper_bound(upper.begin(), upper.end() - 1, u);
      const auto mode = static_cast<size_t>(found - upper.begin());
      float* out = xy + 2 * (start + i);
      for (size_t j = 0; j < 2; ++j)
        out[j] = static_cast<float>(mixture.means[mode][j] + mixture.stds[mode] * normal[at + j]);
      if (labels != nullptr) labels[start + i] = static_cast<int64_t>(mode);
    }
  }
}

std::unique_ptr<Dataset> make_mixture_dataset(const std::string& name, Mixture mixture,
                                              int64_t samples, uint64_t seed) {
  require(samples >= 1, "samples", static_cast<double>(samples), "at least 1");
  of_field("samples", [&] {
    require_memory(static_cast<uint64_t>(samples), sizeof(float) * 2 + sizeof(int64_t) * 2,
                   "data.samples");
  });
  std::vector<float> xy(static_cast<size_t>(samples) * 2);
  std::vector<int64_t> modes(static_cast<size_t>(samples));
  sample_mixture(mixture, seed, 0, samples, xy.data(), modes.data());
  Labels labels;
  labels.values.assign(modes.begin(), modes.end());
  for (int64_t k = 0; k < mixture.modes(); ++k) labels.names.push_back(mixture.name(k));
  return make_array_dataset(name, SampleShape{.channels = 2}, std::move(xy), std::move(labels),
                            std::move(mixture));
}

namespace {

constexpr std::string_view kGridFields[] = {"samples", "modes", "spacing", "std"};
constexpr std::string_view kMixtureFields[] = {"samples", "mode"};
constexpr std::string_view kRingFields[] = {"samples", "modes", "radius", "std"};

}  // namespace

extern const DatasetRow kGridDataset{
    .name = "grid",
    .summary = "mixture of equal Gaussians on a square grid in the plane",
    .fields = kGridFields,
    .held_out = false,
    .build = [](const config::Data& d, uint64_t seed, Split) {
      return make_mixture_dataset("grid", grid_mixture(d.modes, d.spacing, d.std), d.samples, seed);
    }};

extern const DatasetRow kMixtureDataset{.name = "mixture",
                                        .summary = "mixture of the Gaussians listed in data.mode",
                                        .fields = kMixtureFields,
                                        .held_out = false,
                                        .build = [](const config::Data& d, uint64_t seed, Split) {
                                          return make_mixture_dataset(
                                              "mixture", custom_mixture(d.mode), d.samples, seed);
                                        }};

extern const DatasetRow kRingDataset{
    .name = "ring",
    .summary = "mixture of equal Gaussians on a circle in the plane",
    .fields = kRingFields,
    .held_out = false,
    .build = [](const config::Data& d, uint64_t seed, Split) {
      return make_mixture_dataset("ring", ring_mixture(d.modes, d.radius, d.std), d.samples, seed);
    }};

}  // namespace allmodes::data

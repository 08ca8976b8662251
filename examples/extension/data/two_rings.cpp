// A data set: Gaussians on two circles, one within the other.

#include "data/mixture.h"
#include "data/registry.h"

namespace allmodes::data {
namespace {

constexpr std::string_view kTwoRingsFields[] = {"samples", "modes", "radius", "std"};

Mixture two_rings_mixture(const config::Data& data) {
  Mixture both = ring_mixture(data.modes, data.radius, data.std);
  const Mixture inner = ring_mixture(data.modes, data.radius / 2, data.std);
  both.means.insert(both.means.end(), inner.means.begin(), inner.means.end());
  both.stds.insert(both.stds.end(), inner.stds.begin(), inner.stds.end());
  both.weights.assign(both.means.size(), 1.0 / static_cast<double>(both.means.size()));
  return both;
}

}  // namespace

extern const DatasetRow kTwoRingsDataset{
    .name = "two_rings",
    .summary = "mixture of equal Gaussians on two circles in the plane",
    .fields = kTwoRingsFields,
    .held_out = false,
    .build = [](const config::Data& data, uint64_t seed, Split) {
      return make_mixture_dataset("two_rings", two_rings_mixture(data), data.samples, seed);
    }};

}  // namespace allmodes::data

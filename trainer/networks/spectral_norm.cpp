#include "networks/spectral_norm.h"

#include <ATen/ops/dot.h>
#include <ATen/ops/mv.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace allmodes::networks {
namespace {

// A weight of zeros stays one of zeros.
constexpr double kTiny = 1e-12;

at::Tensor unit(const at::Tensor& vector) {
  return vector.div(vector.norm().clamp_min(kTiny));
}

}  // namespace

SpectralNorm spectral_norm(const at::Tensor& weight, int64_t rows, const at::Tensor& u,
                           bool iterate) {
  // The largest singular value to float32's precision, whatever the network computes in.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor matrix =
      weight.transpose(0, rows).reshape({weight.size(rows), weight.numel() / weight.size(rows)});
  at::Tensor left, right;
  {
    const c10::NoGradGuard no_grad;
    const at::Tensor values = matrix.detach();
    right = unit(at::mv(values.t(), u));
    left = unit(iterate ? at::mv(values, right) : u);
  }
  const at::Tensor sigma = at::dot(left, at::mv(matrix, right)).clamp_min(kTiny);
  return {weight.div(sigma), left};
}

}  // namespace allmodes::networks

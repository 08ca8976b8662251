#include "diagnostics/metrics/picture_likeness.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/conv2d.h>

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kWindow = 11;
constexpr double kDeviation = 1.5;
constexpr double kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03;
constexpr double kLeastSquare = 1e-10;

std::vector<double> host_values(const at::Tensor& each) {
  const at::Tensor values = each.to(at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

// Means over the window, [n, 1, height - 10, width - 10]: rows, then columns.
at::Tensor windowed(const at::Tensor& planes) {
  const at::Tensor from_middle = at::arange(kWindow, planes.options()) - (kWindow / 2);
  at::Tensor weights = (-from_middle.square() / (2 * kDeviation * kDeviation)).exp();
  weights = weights / weights.sum();
  const at::Tensor rows = at::conv2d(planes, weights.view({1, 1, kWindow, 1}));
  return at::conv2d(rows, weights.view({1, 1, 1, kWindow}));
}

at::Tensor structural_similarity(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.flatten(0, 1).unsqueeze(1), y = b.flatten(0, 1).unsqueeze(1);
  const at::Tensor mean_x = windowed(x), mean_y = windowed(y);
  const at::Tensor variance_x = windowed(x.square()) - mean_x.square();
  const at::Tensor variance_y = windowed(y.square()) - mean_y.square();
  const at::Tensor covariance = windowed(x * y) - mean_x * mean_y;
  const at::Tensor likeness =
      (2 * mean_x * mean_y + kC1) * (2 * covariance + kC2) /
      ((mean_x.square() + mean_y.square() + kC1) * (variance_x + variance_y + kC2));
  return likeness.flatten(1).mean(1).view({a.size(0), a.size(1)}).mean(1);
}

}  // namespace

PictureLikeness picture_likeness(const at::Tensor& pictures, const at::Tensor& others) {
  PictureLikeness likeness;
  likeness.error = host_values((pictures - others).abs().flatten(1).mean(1));
  // In double: the variances below are differences of nearly equal numbers.
  const auto unit = [](const at::Tensor& x) { return ((x.to(at::kDouble) + 1) / 2).clamp(0, 1); };
  const at::Tensor a = unit(pictures), b = unit(others);
  const at::Tensor square = (a - b).square().flatten(1).mean(1).clamp_min(kLeastSquare);
  likeness.psnr = host_values(square.log10() * -10);
  if (pictures.size(2) >= kWindow && pictures.size(3) >= kWindow)
    likeness.ssim = host_values(structural_similarity(a, b));
  return likeness;
}

}  // namespace allmodes::diagnostics

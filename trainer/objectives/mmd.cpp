#include "objectives/mmd.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "base/error.h"

namespace allmodes::objectives {
namespace {

// |x_i - z_j|^2 by one matrix product, [rows of x, rows of z].
at::Tensor squared_distances(const at::Tensor& x, const at::Tensor& z) {
  const at::Tensor of_x = x.square().sum(1, /*keepdim=*/true);
  const at::Tensor of_z = z.square().sum(1);
  return at::addmm(of_x + of_z, x, z.t(), /*beta=*/1, /*alpha=*/-2).clamp_min_(0);
}

struct Values {
  at::Tensor kernel;  // k, of the distances' shape
  at::Tensor slope;   // d k / d |x - z|^2; undefined where it was not asked for
};

// Of a matrix of squared distances, which is made once for all scales; the widths are scalars, so
// that nothing is copied to a device.
Values evaluate(const at::Tensor& distances, const KernelFunction& function, bool with_slope) {
  if (!function.inverse_multiquadric) {
    const double width = function.widths[0];
    const at::Tensor kernel = (distances * (-1 / width)).exp_();
    return {kernel, with_slope ? kernel * (-1 / width) : at::Tensor()};
  }
  Values values{at::zeros_like(distances), with_slope ? at::zeros_like(distances) : at::Tensor()};
  for (const double width : function.widths) {
    const at::Tensor inverse = (distances + width).reciprocal_();
    values.kernel.add_(inverse, width);
    if (with_slope) values.slope.addcmul_(inverse, inverse, -width);
  }
  return values;
}

// This rank's rows of the estimate, times the number of ranks. Differentiated by hand: a code
// stands in row and column of the codes' own terms, which are symmetric, so that its gradient is
// twice that of its row, of which no other rank need know:
//   d / d x_i = 4 sum_j w_ij (x_i - z_j),  w = k' / (n^2 - n) for codes, -k' / n^2 for prior
//   samples.
struct RowsOfMmd : torch::autograd::Function<RowsOfMmd> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& codes,
                            const at::Tensor& prior, const at::Tensor& all_codes,
                            const at::Tensor& all_prior, const KernelFunction* kernel) {
    const int64_t rows = codes.size(0), all = all_codes.size(0);
    const auto n = static_cast<double>(all);
    const double ranks = n / static_cast<double>(rows), within = ranks / (n * n - n),
                 across = ranks / (n * n);
    const at::Tensor others = at::cat({all_codes, all_prior});
    const bool with_slope = codes.requires_grad();
    const auto [of_codes, slope] = evaluate(squared_distances(codes, others), *kernel, with_slope);
    const at::Tensor of_prior =
        evaluate(squared_distances(prior, all_prior), *kernel, /*with_slope=*/false).kernel;
    // Each row meets itself once, at distance 0.
    const double itself = 2 * static_cast<double>(rows) * kernel->at_zero();
    const at::Tensor value = (of_codes.narrow(1, 0, all).sum() + of_prior.sum() - itself) * within -
                             of_codes.narrow(1, all, all).sum() * (2 * across);
    if (with_slope) {
      slope.narrow(1, 0, all).mul_(4 * within);
      slope.narrow(1, all, all).mul_(-4 * across);
      context->save_for_backward(
          {slope.sum(1, /*keepdim=*/true) * codes - at::matmul(slope, others)});
    }
    return value;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    ALLMODES_CHECK(!at::GradMode::is_enabled(), "an MMD is differentiated once only");
    return {context->get_saved_variables()[0] * gradients[0], {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor squared_mmd(const at::Tensor& codes, const at::Tensor& prior,
                       const KernelFunction& kernel, const Coupling& coupling) {
  ALLMODES_CHECK(codes.dim() == 2 && codes.sizes() == prior.sizes(),
                 "codes and prior samples of different shapes");
  const at::Tensor all_codes = coupling.gather(codes.detach());
  const at::Tensor all_prior = coupling.gather(prior);
  ALLMODES_CHECK(all_codes.size(0) >= 2, "an MMD needs two samples");
  return RowsOfMmd::apply(codes, prior, all_codes, all_prior, &kernel);
}

}  // namespace allmodes::objectives

#include <ATen/TensorOperators.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/sigmoid.h>

#include <cmath>
#include <numbers>

#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

at::Tensor sum_over_values(const at::Tensor& values) {
  return values.flatten(1).sum(1);
}

// Learned log-variances stay within +-8 (deviations from 0.018, two grey levels, to 55): where
// values are constant, such as an image's border, the likelihood has no maximum.
constexpr double kLargestLogVariance = 8;

struct MeanAndLogVariance {
  at::Tensor mean, log_variance;
};

MeanAndLogVariance split(const at::Tensor& output) {
  const auto halves = output.chunk(2, 1);
  return {halves[0], (halves[1] / kLargestLogVariance).tanh() * kLargestLogVariance};
}

}  // namespace

// Values in [-1, 1] are taken as probabilities (x + 1) / 2; the output is their logit.
extern const Likelihood kBernoulli{
    .name = "bernoulli",
    .negative_log =
        [](const at::Tensor& output, const at::Tensor& samples, double) {
          return sum_over_values(at::binary_cross_entropy_with_logits(output, (samples + 1) * 0.5,
                                                                      {}, {}, at::Reduction::None));
        },
    .mean = [](const at::Tensor& output) { return at::sigmoid(output) * 2 - 1; },
    .needs_images = true,
};

extern const Likelihood kGaussianLikelihood{
    .name = "gaussian",
    .negative_log =
        [](const at::Tensor& output, const at::Tensor& samples, double variance) {
          return sum_over_values((output - samples).square()) * (0.5 / variance);
        },
    .mean = [](const at::Tensor& output) { return output; },
};

// A mean and a log-variance for every value (Kingma and Welling, arXiv 1312.6114, appendix C.2).
extern const Likelihood kLearnedGaussian{
    .name = "gaussian_learned",
    .negative_log =
        [](const at::Tensor& output, const at::Tensor& samples, double) {
          const auto [mean, log_variance] = split(output);
          return sum_over_values((samples - mean).square() * (-log_variance).exp() + log_variance +
                                 std::log(2 * std::numbers::pi)) *
                 0.5;
        },
    .mean = [](const at::Tensor& output) { return output.chunk(2, 1)[0]; },
    .outputs = 2,
};

}  // namespace allmodes::objectives

#include <ATen/TensorOperators.h>
#include <ATen/ops/softplus.h>

#include "objectives/registry.h"

namespace allmodes::objectives {

// Goodfellow et al., arXiv 1406.2661: D maximizes ln D(x) + ln(1 - D(G(z))); with D = sigmoid(d),
// -ln D = softplus(-d) and -ln(1 - D) = softplus(d).
namespace non_saturating {

at::Tensor discriminator(const at::Tensor& real, const at::Tensor& fake) {
  return at::softplus(-real).mean() + at::softplus(fake).mean();
}

at::Tensor generator(const at::Tensor& fake) {
  return at::softplus(-fake).mean();
}

}  // namespace non_saturating

// The minimax form: G minimizes ln(1 - D(G(z))).
namespace saturating {

at::Tensor generator(const at::Tensor& fake) {
  return -at::softplus(fake).mean();
}

}  // namespace saturating

// Arjovsky et al., arXiv 1701.07875; needs a Lipschitz discriminator (gradient_penalty).
namespace wasserstein {

at::Tensor discriminator(const at::Tensor& real, const at::Tensor& fake) {
  return fake.mean() - real.mean();
}

at::Tensor generator(const at::Tensor& fake) {
  return -fake.mean();
}

}  // namespace wasserstein
}  // namespace allmodes::objectives

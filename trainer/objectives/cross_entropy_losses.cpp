// Losses of the discriminator as a classifier of real and fake: with D = sigmoid(score),
// -ln D = softplus(-score) and -ln(1 - D) = softplus(score).

#include <ATen/TensorOperators.h>
#include <ATen/ops/softplus.h>

#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

// D maximizes ln D(x) + ln(1 - D(G(z))) (Goodfellow et al., arXiv 1406.2661). With a real label
// below 1 it is one-sided label smoothing (Salimans et al., arXiv 1606.03498, section 3.4).
at::Tensor classify(const Scores& scores, double real_label) {
  at::Tensor real = at::softplus(-scores.real).mean();
  if (real_label != 1)
    real = real * real_label + at::softplus(scores.real).mean() * (1 - real_label);
  return real + at::softplus(scores.fake).mean();
}

}  // namespace

// G maximizes ln D(G(z)).
extern const GanLoss kNonSaturating{
    .name = "non_saturating",
    .discriminator = classify,
    .generator = [](const Scores& scores) { return at::softplus(-scores.fake).mean(); },
    .labels = true,
    .logits = true};

// The minimax form: G minimizes ln(1 - D(G(z))).
extern const GanLoss kSaturating{
    .name = "saturating",
    .discriminator = classify,
    .generator = [](const Scores& scores) { return -at::softplus(scores.fake).mean(); },
    .labels = true,
    .logits = true};

// Each sample is judged against one of the other kind (Jolicoeur-Martineau, arXiv 1807.00734;
// pairs and both softplus as in Huang et al., "R3GAN", arXiv 2501.05441, section 2).
extern const GanLoss kRelativistic{
    .name = "relativistic",
    .discriminator = [](const Scores& scores,
                        double) { return at::softplus(scores.fake - scores.real).mean(); },
    .generator =
        [](const Scores& scores) { return at::softplus(scores.real - scores.fake).mean(); },
    .compares = true};

}  // namespace allmodes::objectives

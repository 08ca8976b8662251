#include "objectives/lecam.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/relu.h>

#include "objectives/adversary.h"

namespace allmodes::objectives {

void LeCam::add_buffers(networks::Plan& discriminator, double decay) {
  for (const char* name : {"lecam_real", "lecam_fake", "lecam_mass"})
    discriminator.buffers.push_back({.name = name, .shape = {1}, .momentum = 1 - decay});
}

at::Tensor LeCam::loss(const Forward& forward, const Scores& scores) const {
  const auto buffers = forward.buffers(kDiscriminator).subspan(first_);
  // Clones: the buffers move with this phase's update, while its graph may still be read.
  const at::Tensor mass = buffers[kMass].clone();
  const at::Tensor begun = mass.gt(0).to(mass.scalar_type());
  const at::Tensor whole = mass + (1 - begun);
  const at::Tensor real = buffers[kReal] / whole, fake = buffers[kFake] / whole;
  const at::Tensor too_high = at::relu(scores.real - fake).square().mean();
  const at::Tensor too_low = at::relu(real - scores.fake).square().mean();
  return (too_high + too_low) * begun.select(0, 0);
}

std::vector<BufferMean> LeCam::means(const std::string& network, const Scores& scores) const {
  const at::Tensor real = scores.real.detach().mean().view({1});
  return {{network, first_ + kReal, real},
          {network, first_ + kFake, scores.fake.detach().mean().view({1})},
          {network, first_ + kMass, at::ones_like(real)}};
}

}  // namespace allmodes::objectives

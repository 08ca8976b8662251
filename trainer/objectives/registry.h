#pragma once

// Everything in objectives/ that a configuration names by a string: adding one is a function in a
// file of its own and a line in registry.cpp.

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "objectives/objective.h"

namespace allmodes::objectives {

// An adversarial loss, from the discriminator's outputs before any sigmoid, [n, 1]; the means over
// the batch of what each player minimizes.
struct GanLoss {
  at::Tensor (*discriminator)(const at::Tensor& real, const at::Tensor& fake);
  at::Tensor (*generator)(const at::Tensor& fake);
};

// A penalty on the discriminator's gradient: mean over the batch, weight not applied.
// `mix` is U[0,1) of shape [n, 1].
using Discriminate = std::function<at::Tensor(const at::Tensor&)>;
using PenaltyFunction = at::Tensor (*)(const Discriminate& discriminate, const at::Tensor& real,
                                       const at::Tensor& fake, const at::Tensor& mix);

// A decoder's likelihood.
struct Likelihood {
  // -ln p(sample | output) of each sample, [n], in nats, summed over its values; for the Gaussian of
  // fixed variance without the constant that does not depend on the output (dim/2 ln 2 pi variance).
  at::Tensor (*negative_log)(const at::Tensor& output, const at::Tensor& samples, double variance);
  // The mean of p(x | output), in the data's scale.
  at::Tensor (*mean)(const at::Tensor& output);
  int64_t outputs = 1;        // of the decoder for each value of a sample, in blocks of channels
  bool needs_images = false;  // values in [-1, 1]
};

const std::map<std::string, GanLoss>& gan_losses();
const std::map<std::string, PenaltyFunction>& penalties();
const std::map<std::string, Likelihood>& likelihoods();

template <typename Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.push_back(entry.first);
  return names;
}

// The losses themselves, one family of them a file.
namespace non_saturating {
at::Tensor discriminator(const at::Tensor& real, const at::Tensor& fake);
at::Tensor generator(const at::Tensor& fake);
}  // namespace non_saturating

namespace saturating {
at::Tensor generator(const at::Tensor& fake);
}  // namespace saturating

namespace wasserstein {
at::Tensor discriminator(const at::Tensor& real, const at::Tensor& fake);
at::Tensor generator(const at::Tensor& fake);
}  // namespace wasserstein

at::Tensor r1_penalty(const Discriminate& discriminate, const at::Tensor& real,
                      const at::Tensor& fake, const at::Tensor& mix);
at::Tensor interpolated_penalty(const Discriminate& discriminate, const at::Tensor& real,
                                const at::Tensor& fake, const at::Tensor& mix);

extern const Likelihood kBernoulli;
extern const Likelihood kGaussian;
extern const Likelihood kGaussianLearned;

std::unique_ptr<Objective> make_gan(const config::RunConfig& config, const config::Gan& gan,
                                    const DataFacts& data,
                                    std::vector<ConfigurationError>& errors);
std::unique_ptr<Objective> make_vae(const config::RunConfig& config, const config::Vae& vae,
                                    const DataFacts& data,
                                    std::vector<ConfigurationError>& errors);

}  // namespace allmodes::objectives

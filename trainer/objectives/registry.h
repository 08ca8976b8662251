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

// The discriminator's outputs before any sigmoid, [n, 1] each; high for reals.
struct Scores {
  at::Tensor real;  // undefined in a generator's loss that does not compare
  at::Tensor fake;
};

// An adversarial loss: the means over the batch of what each player minimizes.
struct GanLoss {
  // `real_label` is 1 - label_smoothing; 1 for losses without labels.
  at::Tensor (*discriminator)(const Scores& scores, double real_label);
  at::Tensor (*generator)(const Scores& scores);
  bool labels = false;    // reals and fakes have labels, which may be smoothed
  bool compares = false;  // the generator's loss depends on real scores
};

// The discriminator with its current weights, on what it is shown: [n, ...] -> [n, 1].
using Discriminate = std::function<at::Tensor(const at::Tensor&)>;

struct PenaltyInput {
  Discriminate discriminate;
  at::Tensor real, fake;   // [n, ...], as the discriminator is shown them
  at::Tensor mix;          // [n, 1] U[0,1), for kinds that mix
  at::Tensor disturbance;  // [n, ...] N(0,1), for kinds that disturb
  Coupling coupling = {};
};

// A penalty on the discriminator's gradient.
struct PenaltyKind {
  at::Tensor (*value)(const PenaltyInput& in);  // mean over the batch, weight not applied
  bool mixes = false;
  bool disturbs = false;
};

// A decoder's likelihood.
struct Likelihood {
  // -ln p(sample | output) of each sample, [n], in nats, summed over its values; for the Gaussian
  // of fixed variance without the constant that does not depend on the output (dim/2 ln 2 pi
  // variance).
  at::Tensor (*negative_log)(const at::Tensor& output, const at::Tensor& samples, double variance);
  // The mean of p(x | output), in the data's scale.
  at::Tensor (*mean)(const at::Tensor& output);
  int64_t outputs = 1;        // of the decoder for each value of a sample, in blocks of channels
  bool needs_images = false;  // values in [-1, 1]
};

const std::map<std::string, GanLoss>& gan_losses();
const std::map<std::string, PenaltyKind>& penalties();
const std::map<std::string, Likelihood>& likelihoods();

template <typename Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.push_back(entry.first);
  return names;
}

// One family of losses a file.
extern const GanLoss kNonSaturating, kSaturating, kRelativistic;  // cross_entropy_losses.cpp
extern const GanLoss kHinge;                                      // hinge_loss.cpp
extern const GanLoss kLeastSquares;                               // least_squares_loss.cpp
extern const GanLoss kWasserstein;                                // wasserstein_loss.cpp
extern const GanLoss kForwardKl, kReverseKl, kJensenShannon, kPearson,
    kSquaredHellinger;  // f_divergence_losses.cpp

extern const PenaltyKind kR1, kR2, kGradientPenalty, kDragan;  // penalties.cpp

extern const Likelihood kBernoulliLikelihood;
extern const Likelihood kGaussianLikelihood;
extern const Likelihood kLearnedGaussianLikelihood;

std::unique_ptr<Objective> make_gan(const config::RunConfig& config, const config::Gan& gan,
                                    const DataFacts& data, std::vector<ConfigurationError>& errors);
std::unique_ptr<Objective> make_vae(const config::RunConfig& config, const config::Vae& vae,
                                    const DataFacts& data, std::vector<ConfigurationError>& errors);
std::unique_ptr<Objective> make_aae(const config::RunConfig& config, const config::Aae& aae,
                                    const DataFacts& data, std::vector<ConfigurationError>& errors);
std::unique_ptr<Objective> make_infovae(const config::RunConfig& config,
                                        const config::InfoVae& infovae, const DataFacts& data,
                                        std::vector<ConfigurationError>& errors);
std::unique_ptr<Objective> make_wae_mmd(const config::RunConfig& config, const config::WaeMmd& wae,
                                        const DataFacts& data,
                                        std::vector<ConfigurationError>& errors);
std::unique_ptr<Objective> make_wae_gan(const config::RunConfig& config, const config::WaeGan& wae,
                                        const DataFacts& data,
                                        std::vector<ConfigurationError>& errors);
std::unique_ptr<Objective> make_fit(const config::RunConfig& config, const config::Fit& fit,
                                    const DataFacts& data, std::vector<ConfigurationError>& errors);

}  // namespace allmodes::objectives

#pragma once

// Everything in objectives/ that a configuration names by a string. A loss, a penalty or a
// likelihood is a row `extern const TYPE kNAME{.name = ...}` in a file of its own; the build finds
// the rows (docs/extending.md).

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
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
  std::string_view name;
  // `real_label` is 1 - label_smoothing; 1 for losses without labels.
  at::Tensor (*discriminator)(const Scores& scores, double real_label);
  at::Tensor (*generator)(const Scores& scores);
  bool labels = false;    // reals and fakes have labels, which may be smoothed
  bool compares = false;  // the generator's loss depends on real scores
  // The best discriminator's score is ln(p / q), p the data's density and q the generator's, so
  // that its sigmoid is the probability of "real".
  bool logits = false;
};

// The discriminator with its current weights, on what it is shown: [n, ...] -> [n, 1].
using Discriminate = std::function<at::Tensor(const at::Tensor&)>;

struct PenaltyInput {
  Discriminate discriminate;
  at::Tensor real, fake;   // [n, ...], as the discriminator is shown them
  Scores scores = {};      // of these, with their graph, where they are known already
  at::Tensor mix;          // [n, 1] U[0,1), for kinds that mix
  at::Tensor disturbance;  // [n, ...] N(0,1), for kinds that disturb
  Coupling coupling = {};
};

// A penalty on the discriminator's gradient.
struct PenaltyKind {
  std::string_view name;
  at::Tensor (*value)(const PenaltyInput& in);  // mean over the batch, weight not applied
  bool mixes = false;
  bool disturbs = false;
  bool at_reals = false;  // takes the gradient at the reals, or at the fakes, themselves
  bool at_fakes = false;
};

// A decoder's likelihood.
struct Likelihood {
  std::string_view name;
  // -ln p(sample | output) of each sample, [n], in nats, summed over its values; for the Gaussian
  // of fixed variance without the constant that does not depend on the output (dim/2 ln 2 pi
  // variance).
  at::Tensor (*negative_log)(const at::Tensor& output, const at::Tensor& samples, double variance);
  // The mean of p(x | output), in the data's scale.
  at::Tensor (*mean)(const at::Tensor& output);
  int64_t outputs = 1;        // of the decoder for each value of a sample, in blocks of channels
  bool needs_images = false;  // values in [-1, 1]
};

// All rows, by cmake/Rooms.cmake.
std::span<const GanLoss* const> gan_loss_rows();
std::span<const PenaltyKind* const> penalty_rows();
std::span<const Likelihood* const> likelihood_rows();

// The same by name.
const std::map<std::string, GanLoss>& gan_losses();
const std::map<std::string, PenaltyKind>& penalties();
const std::map<std::string, Likelihood>& likelihoods();

template <typename Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.push_back(entry.first);
  return names;
}

// A family: `name` is its block in the configuration. `make` returns its phases and networks, or
// null and a reason in `errors`; it is called for configurations of this family only.
struct FamilyRow {
  std::string_view name;
  std::unique_ptr<Objective> (*make)(const config::RunConfig& config, const DataFacts& data,
                                     std::vector<ConfigurationError>& errors);
};

std::span<const FamilyRow* const> family_rows();

}  // namespace allmodes::objectives

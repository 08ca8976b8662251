#pragma once

// What the families have in common, for code that treats all of them alike.

#include <string>
#include <vector>

#include "config/run_config.h"

namespace allmodes::config {

// "gan", "wae_mmd", ...: the block's name in the schema; "" where none is chosen.
std::string family_name(const RunConfig& config);

// A network of the configured family.
struct FamilyNetwork {
  std::string path;  // "gan.discriminator"
  const Network* network;
  bool differentiated_twice;  // by a penalty on its gradient, or by unrolled steps
};

// Pointers into `config`; empty where no family is chosen.
std::vector<FamilyNetwork> family_networks(const RunConfig& config);

// An optimizer of the configured family.
struct FamilyOptimizer {
  std::string path;  // "gan.discriminator_optimizer"
  const Optimizer* optimizer;
};

// Pointers into `config`; empty where no family is chosen.
std::vector<FamilyOptimizer> family_optimizers(const RunConfig& config);

// The discriminator's settings; null for a family without one, or that does without it. Points into
// `config`.
const Adversarial* adversarial_of(const RunConfig& config);

// The settings of encoder and decoder; null for a family without them. Points into `config`.
const Autoencoder* autoencoder_of(const RunConfig& config);

// Backward passes that the batch is taken apart for: microbatches of each rank, or shards of all.
int64_t backward_passes(const RunConfig& config);

// A rank's share of a microbatch comes in groups of this many consecutive samples, which losses
// take together: packed, or in pairs. 1: each by itself.
int64_t samples_together(const RunConfig& config);

}  // namespace allmodes::config

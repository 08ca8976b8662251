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
  bool differentiated_twice;  // by a penalty on its gradient
};

// Pointers into `config`; empty where no family is chosen.
std::vector<FamilyNetwork> family_networks(const RunConfig& config);

}  // namespace allmodes::config

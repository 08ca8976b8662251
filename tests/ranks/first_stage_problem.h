#pragma once

// A first stage of blobs of 8 x 8 pixels with small networks.

#include <string>

#include "ranks/training_fixture.h"

namespace allmodes::testing {

inline Problem first_stage(const std::string& quantizer) {
  config::RunConfig config = short_run(6, 16);
  config::FirstStage family;
  family.encoder = {.architecture = "residual_autoencoder", .width = 4, .depth = 1};
  family.decoder = family.encoder;
  family.discriminator = {.architecture = "patch", .width = 4, .depth = 1};
  family.quantizer = quantizer;
  family.channels = 2;
  family.downsampling = 2;
  family.codes = 8;
  if (quantizer == "fsq") family.levels = {5, 4};
  family.adversarial_weight = 0;
  config.family = family;
  config.exchange = {.bucket_mib = 0.002, .first_bucket_mib = 0.0005};
  return {config, blobs(100)};
}

inline config::FirstStage& family_of(Problem& problem) {
  return std::get<config::FirstStage>(problem.config.family);
}

}  // namespace allmodes::testing

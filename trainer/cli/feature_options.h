#pragma once

// In which features samples are compared, as the command line says it.

#include <ATen/core/Tensor.h>
#include <CLI/CLI.hpp>

#include "pretrained/feature_network.h"
#include "world/runtime.h"

namespace allmodes::cli {

// --features, --feature-weights and --protocol.
void add_feature_options(CLI::App& command, pretrained::NetworkChoice& choice);

// Collective. Where a pretrained network that may be asked for is computed: the GPU where all ranks
// have one, which becomes the thread's current one.
at::Device network_device(const pretrained::NetworkChoice& choice, world::Runtime& runtime);

}  // namespace allmodes::cli

#pragma once

// A trained model as files that other programs open.

#include <filesystem>
#include <vector>

#include "run/saved_model.h"

namespace allmodes::run {

// Writes into `folder`, which is made, for each network
//   NAME.safetensors          its weights and buffers by their names in the plan; `raw`: the
//   trained
//                             weights, else their moving average
//   NAME.json                 "format" 1, what it was exported from, the plan
//   (networks/plan_json.h);
//                             of the network that makes samples also "latent" (the configuration's
//                             block), "likelihood" (of a decoder) and "samples" (shape and range)
//   NAME.example.safetensors  "input", "labels" where it reads them, and "output" in evaluation
//                             mode, float32, to check a port with
// and model.py, which makes them modules of PyTorch. Returns the paths. Throws kCannotCreate or
// kInputOutput.
std::vector<std::filesystem::path> export_model(const LoadedModel& loaded, bool raw,
                                                const std::filesystem::path& folder);

}  // namespace allmodes::run

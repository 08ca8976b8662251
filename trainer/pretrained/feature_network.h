#pragma once

// Networks in whose features pictures are compared, by name.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace allmodes::pretrained {

// How a network is asked for.
struct NetworkChoice {
  std::string name;          // "inception"
  std::string weights = {};  // a safetensors file; empty: where the network has a place of its own
  std::string protocol = "default";
};

// A network that is ready.
struct FeatureNetwork {
  int64_t width = 0;     // numbers of a picture
  std::string protocol;  // its name
  std::string hash;      // of the weights, hash_text()
  // Covariances are divided by N instead of N - 1.
  bool population_covariance = false;
  // [n, width] on the host of pictures [n, 1 or 3, height, width] in [-1, 1]. Computed in batches
  // of 25 from the first one, which bounds the memory.
  std::function<at::Tensor(const at::Tensor& pictures)> features;
  // [n, classes] of features; the Inception Score is of these. Null for networks without.
  std::function<at::Tensor(const at::Tensor& features)> class_logits;
};

// A row of the table.
struct NetworkRow {
  std::string name;     // "inception_64"
  std::string network;  // whose protocols it has: "inception"
  std::string frechet;  // what the Frechet distance in these features is called: "fid"
  std::string kernel;   // and the kernel distance: "kid"
};

// Null for a name that is no pretrained network's.
const NetworkRow* find_network(const std::string& name);
std::vector<std::string> network_names();

// Why this network cannot be had, as a sentence: no file named, no such protocol; empty where it
// can. What the file holds is looked at by open_network().
std::string choice_complaint(const NetworkChoice& choice);

// Reads the weights, of a choice without complaint. Throws kNoInput, kDataError.
FeatureNetwork open_network(const NetworkChoice& choice, at::Device device);

// Whether EfficientNet-Lite0 is where launch/setup.sh --features puts it.
bool efficientnet_lite0_is_there();

}  // namespace allmodes::pretrained

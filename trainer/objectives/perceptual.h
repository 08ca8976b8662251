#pragma once

// LPIPS (Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric",
// arXiv 1801.03924, equation 1), of version 0.1 and VGG16: the squared distance of two pictures'
// features, of unit length at each pixel, after five stages of the network, weighted channel by
// channel, averaged over the pixels and added up over the stages.

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "objectives/objective.h"

namespace allmodes::objectives {

class Lpips {
 public:
  // `folder` holds vgg16.safetensors, with the names of torchvision ("features.0.weight", ...; the
  // classifier is not read), and lpips.safetensors, the linear layers of the PyPI package lpips
  // ("lin0.model.1.weight", ...). They are read when a distance is wanted first, so that a run
  // whose folder has gone can still be looked at.
  explicit Lpips(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Adds to `errors` what is wrong with a folder that is there: a file or a tensor that is missing,
  // is not known, or has another shape or type.
  static void check(const std::filesystem::path& folder, const std::string& path,
                    std::vector<ConfigurationError>& errors);

  // The mean over pairs of pictures [n, 1 or 3, height, width] in [-1, 1], at least 16 pixels a
  // side; a scalar, differentiable. Throws kNoInput or kDataError for weights that cannot be read.
  at::Tensor distance(const at::Tensor& made, const at::Tensor& samples) const;

 private:
  struct Weights {
    std::vector<at::Tensor> kernels, biases;  // of the thirteen convolutions
    std::vector<at::Tensor> channels;         // of the five stages, [1, channels, 1, 1]
  };

  const Weights& weights_on(at::Device device) const;

  std::filesystem::path folder_;
  mutable Weights weights_;  // read once; of one device
};

}  // namespace allmodes::objectives

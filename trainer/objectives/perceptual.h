#pragma once

// Distances of pictures in the features of networks that others have trained, with a gradient.
//
// LPIPS (Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric",
// arXiv 1801.03924, equation 1), of version 0.1 and VGG16: the squared distance of two pictures'
// features, of unit length at each pixel, after five stages of the network, weighted channel by
// channel, averaged over the pixels and added up over the stages.
//
// The same without weights in EfficientNet-Lite0: the squared distance of features of unit length,
// averaged over the pixels and over the five stages of pretrained/efficientnet_lite0.h; in [0, 4].

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "objectives/objective.h"
#include "pretrained/efficientnet_lite0.h"

namespace allmodes::objectives {

class PerceptualDistance {
 public:
  virtual ~PerceptualDistance() = default;
  // Of each pair of pictures [n, 1 or 3, height, width] in [-1, 1], at least 16 pixels a side; [n],
  // differentiable. Weights are read when a distance is wanted first, so that a run whose weights
  // have gone can still be looked at. Throws kNoInput or kDataError for weights that cannot be read.
  virtual at::Tensor distances(const at::Tensor& made, const at::Tensor& samples) const = 0;
};

// Of a name of first_stage.perceptual and its perceptual_path; null for "none".
std::unique_ptr<PerceptualDistance> make_perceptual(const std::string& name,
                                                    const std::string& path);

// Adds to `errors`, of the field, what is wrong with weights that are there or must be.
void check_perceptual_weights(const std::string& name, const std::string& path,
                              const std::string& field, std::vector<ConfigurationError>& errors);

class Lpips final : public PerceptualDistance {
 public:
  // `folder` holds vgg16.safetensors, with the names of torchvision ("features.0.weight", ...; the
  // classifier is not read), and lpips.safetensors, the linear layers of the PyPI package lpips
  // ("lin0.model.1.weight", ...).
  explicit Lpips(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Adds to `errors` what is wrong with a folder that is there: a file or a tensor that is missing,
  // is not known, or has another shape or type.
  static void check(const std::filesystem::path& folder, const std::string& path,
                    std::vector<ConfigurationError>& errors);

  at::Tensor distances(const at::Tensor& made, const at::Tensor& samples) const override;

 private:
  struct Weights {
    std::vector<at::Tensor> kernels, biases;  // of the thirteen convolutions
    std::vector<at::Tensor> channels;         // of the five stages, [1, channels, 1, 1]
  };

  const Weights& weights_on(at::Device device) const;

  std::filesystem::path folder_;
  mutable Weights weights_;  // read once; of one device
};

class EfficientNetDistance final : public PerceptualDistance {
 public:
  // `file`: the network's weights; empty: where launch/setup.sh --features puts them.
  explicit EfficientNetDistance(std::filesystem::path file) : file_(std::move(file)) {}

  // As Lpips::check().
  static void check(const std::filesystem::path& file, const std::string& path,
                    std::vector<ConfigurationError>& errors);

  at::Tensor distances(const at::Tensor& made, const at::Tensor& samples) const override;

 private:
  const pretrained::EfficientNetLite0& network_on(at::Device device) const;

  std::filesystem::path file_;
  mutable std::optional<pretrained::EfficientNetLite0> network_;  // read once; of one device
  mutable at::Device device_ = at::kCPU;
};

}  // namespace allmodes::objectives

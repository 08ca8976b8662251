#pragma once

// The Inception network of 2015-12-05 by which FID, KID and the Inception Score are defined
// (Szegedy et al., "Rethinking the Inception architecture for computer vision", arXiv 1512.00567;
// Heusel et al., arXiv 1706.08500). It differs from later ones in that its average pools do not
// count the padding, in that the pool of the last block takes maxima, and in its 1008 classes.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

#include "pretrained/convolutions.h"
#include "pretrained/weight_table.h"

namespace allmodes::pretrained {

inline constexpr int64_t kInceptionSide = 299;

// Names and shapes of its weights as pytorch-fid and torch-fidelity publish them
// ("Conv2d_1a_3x3.conv.weight", "Mixed_5b.branch1x1.bn.weight", "fc.weight"). Ignored: the counts
// of batches, and the classifier that helped in training ("AuxLogits.").
WeightTable inception_weights();

class Inception {
 public:
  // Of inception_weights().
  Inception(const Weights& weights, at::Device device);

  // Means over the pixels of the features behind the first pool (64), the second (192), the last
  // block C (768), or all blocks (2048): [n, width] of pictures [n, 3, 299, 299] in [-1, 1]. Only
  // the layers up to there are computed. Throws kSoftware for another width.
  at::Tensor features(const at::Tensor& pictures, int64_t width) const;

  // [n, 1008] of features [n, 2048]. The Inception Score is of those without the bias.
  at::Tensor logits(const at::Tensor& features, bool with_bias) const;

 private:
  at::Tensor unit(const std::string& name, const at::Tensor& x) const;
  at::Tensor block_a(const std::string& name, const at::Tensor& x) const;
  at::Tensor block_b(const std::string& name, const at::Tensor& x) const;
  at::Tensor block_c(const std::string& name, const at::Tensor& x) const;
  at::Tensor block_d(const std::string& name, const at::Tensor& x) const;
  at::Tensor block_e(const std::string& name, const at::Tensor& x, bool largest) const;

  std::map<std::string, Convolution> units_;
  at::Tensor class_kernel_, class_bias_;
};

}  // namespace allmodes::pretrained

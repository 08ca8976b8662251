#pragma once

// How pictures are made ready for a network: as the tools do whose figures are published. The
// choices move the figures by more than most models differ (Parmar, Zhang and Zhu, "On aliased
// resizing and surprising subtleties in GAN evaluation", arXiv 2104.11222).

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

namespace allmodes::pretrained {

struct Protocol {
  std::string_view name;     // "pytorch_fid"
  std::string_view network;  // which it is for: "inception", "dinov2", "efficientnet_lite0"
  // How a picture comes to the network's size, and how bytes come to its range.
  at::Tensor (*resize)(const at::Tensor& bytes, int64_t side);
  at::Tensor (*scale)(const at::Tensor& bytes);
  std::string_view words;  // "bilinear without antialiasing, 2 v / 255 - 1"
  // Covariances are divided by N instead of N - 1.
  bool population_covariance = false;
};

// Those for a network, its default first.
std::vector<const Protocol*> protocols_for(std::string_view network);

// The one of that name for that network ("default": the first); null where there is none.
const Protocol* find_protocol(const std::string& name, std::string_view network);

// [n, 3, side, side] on the host, of pictures [n, 1 or 3, height, width] in [-1, 1], which are
// first rounded to the nearest of 256 levels, as published figures are of pictures in files. A grey
// picture becomes three equal colours.
at::Tensor prepared(const Protocol& protocol, const at::Tensor& pictures, int64_t side);

}  // namespace allmodes::pretrained

#pragma once

// Differentiable augmentation of images (Zhao et al., "DiffAugment", arXiv 2006.10738): reals and
// fakes are changed alike before the discriminator sees them, so that it cannot learn few samples
// by heart and the generator does not learn the changes.

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

namespace allmodes::objectives {

// The names that a list of augmentations knows, in the order in which they are applied.
const std::vector<std::string>& augmentation_names();

// The names in a comma-separated list, without the spaces around them; empty for "".
std::vector<std::string> split_names(std::string_view list);

// Random numbers that one image takes, whichever augmentations are used.
inline constexpr int64_t kAugmentationNumbers = 7;

// `images` [n, channels, height, width] in [-1, 1], changed by `numbers` [n, 7] in [0, 1), in this
// order; `names` says which of the three are applied. Differentiable, also twice, in the images.
//   color        brightness x + (u0 - 1/2); saturation: distance from the mean over channels times
//                2 u1; contrast: distance from the image's mean times (u2 + 1/2)
//   translation  by a whole number of pixels of at most 1/8 of height (u3) and width (u4), rounded;
//                zeros move in
//   cutout       a rectangle of half the height and width, set to 0, its centre anywhere in the
//                image (u5, u6), so that part of it may lie outside
at::Tensor augment(const at::Tensor& images, const at::Tensor& numbers,
                   const std::vector<std::string>& names);

}  // namespace allmodes::objectives

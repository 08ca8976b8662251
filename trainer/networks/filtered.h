#pragma once

// Images made larger or smaller by a whole factor f with a linear filter: along an axis a pixel of
// the larger image is (1 - d) of each pixel of the smaller one whose centre lies d < 1 of the
// smaller one's pixels away, and there are zeros outside. Of f = 2 the filter is [1, 3, 3, 1] / 4,
// which is [1, 2, 1] applied to pixels that were doubled (Huang et al., arXiv 2501.05441; Karras et
// al., arXiv 1912.04958). Inside of an image that is bilinear interpolation.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace allmodes::networks {

// [n, c, height, width] -> [n, c, f height, f width].
at::Tensor filtered_upsample(const at::Tensor& x, int64_t factor);

// The transpose of filtered_upsample, over f^2: [n, c, f height, f width] -> [n, c, height, width].
at::Tensor filtered_downsample(const at::Tensor& x, int64_t factor);

}  // namespace allmodes::networks

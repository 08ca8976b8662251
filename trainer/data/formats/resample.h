#pragma once

// Resizing and cropping of pictures, to the last bit as Pillow does it for 8-bit channels.

#include <cstdint>

#include "data/formats/picture.h"

namespace allmodes::data {

enum class Filter { kBox, kBilinear, kBicubic, kLanczos };

// `picture` at height x width (>= 1 each). Every output pixel is a weighted mean of the input
// pixels under the filter, which is stretched when the picture shrinks (so that nothing is left
// out); rows first, then columns, with 8 bits between the two and weights of 22 binary digits.
Picture resized(const Picture& picture, int64_t height, int64_t width, Filter filter);

// The part of height x width pixels whose upper left corner is at (top, left).
Picture cropped(const Picture& picture, int64_t top, int64_t left, int64_t height, int64_t width);

// The square in the middle, `size` a side: cut out first, then resized, as StyleGAN's data tool has
// it ("center-crop").
Picture center_square(const Picture& picture, int64_t size, Filter filter);

// The square in the middle as in ADM (Dhariwal and Nichol, arXiv 2105.05233, guided-diffusion):
// halved with the box filter while the shorter side has at least 2 x size pixels, then resized with
// the bicubic filter until the shorter side is `size`, then cut.
Picture adm_square(Picture picture, int64_t size);

}  // namespace allmodes::data

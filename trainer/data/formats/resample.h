#pragma once

// Resizing and cropping of pictures, to the last bit as Pillow does it for 8-bit channels.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <vector>

#include "data/formats/picture.h"
#include "data/formats/resample_kernels.h"

namespace allmodes::data {

enum class Filter { kBox, kBilinear, kBicubic, kLanczos };

// The part of height x width pixels whose upper left corner is at (top, left).
Picture cropped(const Picture& picture, int64_t top, int64_t left, int64_t height, int64_t width);

// One channel [height][width] of floats at another size, as Pillow does it for its mode "F": rows
// first, then columns, sums in double and floats between the two. The filter is stretched as that
// of Resizer.
std::vector<float> resized_plane(std::span<const float> plane, int64_t height, int64_t width,
                                 int64_t to_height, int64_t to_width, Filter filter);

// Resizes; remembers the weights of sizes that come again. Every function may be called from
// several threads at once.
class Resizer {
 public:
  // The same bits with every instruction set, of which this processor must have `set`.
  explicit Resizer(InstructionSet set = widest_instruction_set()) : set_(set) {}

  // `picture` at height x width (>= 1 each). Every output pixel is a weighted mean of the input
  // pixels under the filter, which is stretched when the picture shrinks (so that nothing is left
  // out); rows first, then columns, with 8 bits between the two and weights of 22 binary digits.
  Picture resized(const Picture& picture, int64_t height, int64_t width, Filter filter) const;

  // The same of the part of `part_height` x `part_width` pixels at (top, left), as if it had been
  // cut out before.
  Picture resized_part(const Picture& picture, int64_t top, int64_t left, int64_t part_height,
                       int64_t part_width, int64_t height, int64_t width, Filter filter) const;

  // The square in the middle, `size` a side: cut out first, then resized, as StyleGAN's data tool
  // has it ("center-crop").
  Picture center_square(const Picture& picture, int64_t size, Filter filter) const;

  // The square in the middle as in ADM (Dhariwal and Nichol, arXiv 2105.05233, guided-diffusion):
  // halved with the box filter while the shorter side has at least 2 x size pixels, then resized
  // with the bicubic filter until the shorter side is `size`, then cut.
  Picture adm_square(Picture picture, int64_t size) const;

 private:
  std::shared_ptr<const Weights> weights(int64_t from, int64_t to, Filter filter) const;

  InstructionSet set_;
  mutable std::mutex mutex_;
  mutable std::map<std::tuple<int64_t, int64_t, Filter>, std::shared_ptr<const Weights>> known_;
  mutable size_t known_weights_ = 0;
};

}  // namespace allmodes::data

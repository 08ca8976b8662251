#pragma once

// From arrays as files hold them to samples: channels first, at the wanted size.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"

namespace allmodes::data {

// Height and width of an image of that size in a square of `size` pixels: as it is where it fits,
// else made smaller until its longer side does.
std::pair<int64_t, int64_t> padded_size(int64_t height, int64_t width, int64_t size);

// How one sample lies in a file.
struct Layout {
  SampleShape shape;
  bool channels_last = false;
};

// Reads dimensions [N,D] as points, [N,H,W] as grey images, [N,H,W,C] and [N,C,H,W] (C in 1..4; the
// former when both fit) as images. Nothing when they are none of these or a side is above
// kMostPixelsASide.
std::optional<Layout> layout_of(const std::vector<uint64_t>& dimensions);

// "[60000, 28, 28]"
std::string bracketed(const std::vector<uint64_t>& dimensions);

// The shape of samples after `image_size` (0: as stored). Throws kConfiguration when `shape` is no
// image or the size is out of range.
SampleShape resized_shape(const SampleShape& shape, int64_t image_size);

// Whether samples that lie as `from` says are already what `to` asks for.
bool is_prepared(const Layout& from, const SampleShape& to);

// One sample to channels first and `to` = resized_shape(...): an image with a side above the square
// is first averaged down by area, keeping its proportions, until its longer side fits; what is
// missing is padded with `black`, the image centred (28 to 32: two pixels on every side).
// Defined for uint8_t (rounded to nearest) and float.
template <class T>
void prepare_sample(const T* in, const Layout& from, const SampleShape& to, T black, T* out);

// The same for [samples][...]; returns `in` itself where nothing changes.
template <class T>
std::vector<T> prepare_samples(std::vector<T> in, const Layout& from, const SampleShape& to,
                               T black);

}  // namespace allmodes::data

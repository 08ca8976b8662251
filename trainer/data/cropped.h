#pragma once

// Images of which training shows random parts.

#include <memory>
#include <string>

#include "data/dataset.h"

namespace allmodes::data {

// `images` (all square) as images of `size` pixels a side, at most theirs: copy() gives their
// middle, uncropped() gives `images`, of whose parts the prefetcher takes random ones.
std::unique_ptr<Dataset> make_cropped(const std::string& name, std::unique_ptr<Dataset> images,
                                      int64_t size);

// The part of shape `part` of one image of shape `whole` (channels first) whose upper left corner
// is at (top, left).
template <class T>
void copy_part(const T* image, const SampleShape& whole, const SampleShape& part, int64_t top,
               int64_t left, T* out);

}  // namespace allmodes::data

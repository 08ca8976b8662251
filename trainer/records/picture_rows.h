#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "records/image.h"

namespace allmodes::records {

// Pictures in rows of equal length, those that are short filled with black.
class PictureRows {
 public:
  // Pictures are [channels][height][width]; 1 or 3 channels.
  PictureRows(int64_t channels, int64_t height, int64_t width, int64_t columns)
      : channels_(channels), height_(height), width_(width), columns_(columns) {}

  // One or several, in [-1, 1].
  void add(std::span<const float> pictures) {
    values_.insert(values_.end(), pictures.begin(), pictures.end());
    count_ += std::ssize(pictures) / (channels_ * height_ * width_);
  }
  void end_row() {
    const int64_t missing = (columns_ - count_ % columns_) % columns_;
    values_.resize(values_.size() + static_cast<size_t>(missing * channels_ * height_ * width_),
                   -1.0F);
    count_ += missing;
  }
  bool empty() const { return count_ == 0; }
  Image image() const {
    return image_grid(values_.data(), count_, channels_, height_, width_, columns_);
  }

 private:
  int64_t channels_, height_, width_, columns_;
  std::vector<float> values_;
  int64_t count_ = 0;
};

}  // namespace allmodes::records

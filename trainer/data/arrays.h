#pragma once

// Data sets of arrays: .npy, .npz and safetensors.

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "data/dataset.h"

namespace allmodes::data {

// Samples that hold NaN or infinity, as far as somebody wants to know more than the message.
class NonFinite : public Error {
 public:
  NonFinite(const std::string& path, const std::string& message, int64_t samples, int64_t total,
            int64_t first)
      : Error(ExitCode::kDataError, message),
        path_(path),
        samples_(samples),
        total_(total),
        first_(first) {}
  // Whether they are those of `path`, as data.path had it.
  bool of(const std::string& path) const;
  int64_t samples() const { return samples_; }  // that are not finite
  int64_t total() const { return total_; }
  int64_t first() const { return first_; }  // the number of the first of them

 private:
  std::string path_;  // expanded
  int64_t samples_;
  int64_t total_;
  int64_t first_;
};

// The array that data.path names (open_array), with the labels of data.labels.
//
// [N, D] are points; [N, H, W], [N, H, W, C] and [N, C, H, W] (1 to 4 channels) are images;
// anything else of two dimensions and more is points, a sample's numbers in C order. So is [N, H,
// W] whose numbers are none of an image's; data.layout says otherwise.
//
// Numbers of images mean, by data.range: bytes 0..255, whole or not; unit, [0, 1]; signed, [-1, 1].
// "auto" finds it: whole numbers from 0 to 255 are bytes; numbers from about 0 to about 1 without a
// negative one are unit; those in [-1, 1] are signed; others are refused with what they might be.
// All become signed; numbers that are bytes, or bytes / 255, become exactly these bytes. What was
// found is among the remarks. Points stay as they are.
//
// data.memory_map leaves the values in their file, which must then be plain .npy of float32 or
// uint8. Throws NonFinite, kDataError, kNoInput, kConfiguration for a file that cannot be mapped.
std::unique_ptr<Dataset> read_arrays(const config::Data& data);

}  // namespace allmodes::data

#pragma once

// The two passes of a resize over bytes: weighted sums of 22 binary digits, rounded to bytes. Each
// gives the same bits with every instruction set, since sums of whole numbers have no order.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/instruction_set.h"

namespace allmodes::data {

// Which input pixels make up each output pixel, along one side.
struct Weights {
  struct Run {
    int64_t first = 0;
    int64_t count = 0;
    size_t at = 0;  // of its first weight
  };
  std::vector<Run> runs;
  std::vector<int32_t> values;  // of sum 2^kWeightBits, up to rounding
  // Each weight in two parts of 16 bits, high 2^kLowBits + low, at the same places: the vector
  // instructions multiply numbers of 16 bits. Runs begin at multiples of kRunStep; zeros fill up.
  std::vector<int16_t> high;
  std::vector<int16_t> low;
};

inline constexpr int kWeightBits = 22;
inline constexpr int kLowBits = 11;
inline constexpr size_t kRunStep = 16;

// Rows of `channels` (1 or 3) bytes a pixel, `pitch` bytes apart. What lies behind the last pixel
// up to `end` may be read, but has no influence.
struct ByteRows {
  const uint8_t* data = nullptr;
  int64_t rows = 0;
  int64_t width = 0;  // pixels
  int64_t channels = 0;
  int64_t pitch = 0;
  const uint8_t* end = nullptr;
};

// Each row resized to weights.runs.size() pixels; rows of `out` have no bytes in between.
void resize_rows(const ByteRows& in, const Weights& weights, uint8_t* out, InstructionSet set);

// Each column resized to weights.runs.size() rows. `rows` may be fewer than the weights name at the
// far end of the picture only where no run reaches them.
void resize_columns(const ByteRows& in, const Weights& weights, uint8_t* out, InstructionSet set);

}  // namespace allmodes::data

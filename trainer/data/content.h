#pragma once

// What data sets of stored numbers have in common: the way from stored values to samples, their
// one-line description, and the fingerprint.

#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allmodes::data {

// No names: unlabelled.
struct Labels {
  std::vector<int32_t> values;
  std::vector<std::string> names;
};

// Bytes 0..255 to [-1, 1], the ends exactly and the same bits on every machine; floats as they are.
void to_samples(const uint8_t* in, int64_t count, float* out);
void to_samples(const float* in, int64_t count, float* out);
void to_samples(const uint8_t* in, int64_t count, uint8_t* out);  // as they are

// What is wrong with a floating-point value of a data set, or nothing: images are in [-1, 1],
// points anywhere finite.
std::optional<std::string> misfit(double value, bool image);

// "digits: 60000 images 1 x 28 x 28, 10 classes"; `noun` is what classes are called.
std::string describe(const std::string& name, int64_t size, const SampleShape& shape,
                     int64_t classes, const std::string& noun = "classes");

// A data set's fingerprint from values that arrive in any pieces: a function of their bytes in
// order, not of the cuts.
class ContentHash {
 public:
  ContentHash();
  void add(const void* values, size_t bytes);
  // `value_bytes`: of one value.
  uint64_t finish(const SampleShape& shape, size_t value_bytes, const Labels& labels) const;

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

// XXH3 (64 bits) of the size and of 16 blocks of 4 KiB at equal distances, the first and the last
// bytes among them; of all bytes where there are no more than that. `seed`: of what came before.
uint64_t sampled_hash(std::span<const uint8_t> bytes, uint64_t seed);

}  // namespace allmodes::data

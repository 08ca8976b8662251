#include "data/sampler.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::data {
namespace {

constexpr size_t kRounds = 8;  // even: both halves are changed equally often

// A permutation of [0, size).
class Permutation {
 public:
  Permutation(uint64_t size, uint64_t seed, uint64_t epoch) : size_(size) {
    const int bits = static_cast<int>(std::bit_width(size - 1));
    low_bits_ = (bits + 1) / 2;
    low_mask_ = (uint64_t{1} << low_bits_) - 1;
    high_mask_ = (uint64_t{1} << (bits / 2)) - 1;
    Random random(NoiseKey{.seed = seed, .purpose = Purpose("data/order"), .step = epoch});
    for (uint64_t& key : keys_) {
      key = random();
      key = key << 32 | random();
    }
  }

  uint64_t operator()(uint64_t x) const {
    do x = rounds(x);
    while (x >= size_);
    return x;
  }

 private:
  static uint64_t mix(uint64_t x) {  // splitmix64's finalizer
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
  }

  uint64_t rounds(uint64_t x) const {
    uint64_t low = x & low_mask_;
    uint64_t high = x >> low_bits_;
    for (size_t i = 0; i < kRounds; i += 2) {
      high ^= mix(low + keys_[i]) & high_mask_;
      low ^= mix(high + keys_[i + 1]) & low_mask_;
    }
    return high << low_bits_ | low;
  }

  uint64_t size_;
  int low_bits_ = 0;
  uint64_t low_mask_ = 0;
  uint64_t high_mask_ = 0;
  std::array<uint64_t, kRounds> keys_{};
};

}  // namespace

Share share(int64_t global_batch, int rank, int ranks) {
  ALLMODES_CHECK(global_batch >= 0 && rank >= 0 && rank < ranks, "batch {}, rank {} of {}",
                 global_batch, rank, ranks);
  const int64_t least = global_batch / ranks;
  const int64_t larger = global_batch % ranks;  // the first ranks have one sample more
  return {.first = rank * least + std::min<int64_t>(rank, larger),
          .count = least + (rank < larger ? 1 : 0)};
}

Sampler::Sampler(int64_t size, uint64_t seed) : size_(size), seed_(seed) {
  ALLMODES_CHECK(size >= 1, "a data set of {} samples", size);
}

void Sampler::indices(uint64_t first_global_sample, int64_t n, int64_t* out) const {
  const auto size = static_cast<uint64_t>(size_);
  uint64_t position = first_global_sample;
  for (int64_t done = 0; done < n;) {
    const Permutation order(size, seed_, position / size);
    const uint64_t slot = position % size;
    const int64_t here = std::min(n - done, size_ - static_cast<int64_t>(slot));
    for (int64_t i = 0; i < here; ++i)
      out[done + i] = static_cast<int64_t>(order(slot + static_cast<uint64_t>(i)));
    done += here;
    position += static_cast<uint64_t>(here);
  }
}

}  // namespace allmodes::data

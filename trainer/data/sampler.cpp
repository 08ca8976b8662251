#include "data/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::data {
namespace {

constexpr size_t kRounds = 8;  // even: both halves are changed equally often

// A permutation of [0, size).
class Permutation {
 public:
  Permutation(uint64_t size, const NoiseKey& key, uint64_t stream = 0) : size_(size) {
    const int bits = static_cast<int>(std::bit_width(size - 1));
    low_bits_ = (bits + 1) / 2;
    low_mask_ = (uint64_t{1} << low_bits_) - 1;
    high_mask_ = (uint64_t{1} << (bits / 2)) - 1;
    Random random(key, stream);
    for (uint64_t& round : keys_) {
      round = random();
      round = round << 32 | random();
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

Sampler::Sampler(int64_t size, uint64_t seed, ShardOrder shards) : Sampler(size, seed) {
  int64_t sum = 0;
  for (const int64_t count : shards.sizes) {
    ALLMODES_CHECK(count >= 1, "a shard of {} samples", count);
    sum += count;
  }
  ALLMODES_CHECK(sum == size && shards.window >= 1, "shards of {} samples, windows of {}, for {}",
                 sum, shards.window, size);
  shards_ = std::move(shards);
}

void Sampler::indices_in_shards(uint64_t epoch, uint64_t slot, int64_t n, int64_t* out) const {
  const size_t count = shards_.sizes.size();
  std::vector<int64_t> starts(count + 1, 0);  // of the samples, as they are numbered
  for (size_t s = 0; s < count; ++s) starts[s + 1] = starts[s] + shards_.sizes[s];
  const Permutation order(count, {seed_, Purpose("data/shards"), epoch});
  std::vector<size_t> shard(count);  // by its turn
  std::vector<int64_t> ends(count);  // of the rows before and with each turn
  for (size_t turn = 0; turn < count; ++turn) {
    shard[turn] = order(turn);
    ends[turn] = (turn == 0 ? 0 : ends[turn - 1]) + shards_.sizes[shard[turn]];
  }
  const auto window = static_cast<uint64_t>(shards_.window);
  for (int64_t i = 0; i < n;) {
    const uint64_t number = slot / window;
    const uint64_t first = number * window;
    const uint64_t length = std::min(window, static_cast<uint64_t>(size_) - first);
    const Permutation within(length, {seed_, Purpose("data/window"), epoch}, number);
    for (; i < n && slot < first + length; ++i, ++slot) {
      const auto row = static_cast<int64_t>(first + within(slot - first));
      const auto turn = static_cast<size_t>(std::ranges::upper_bound(ends, row) - ends.begin());
      const size_t s = shard[turn];
      out[i] = starts[s] + row - (ends[turn] - shards_.sizes[s]);
    }
  }
}

void Sampler::indices(uint64_t first_global_sample, int64_t n, int64_t* out) const {
  const auto size = static_cast<uint64_t>(size_);
  uint64_t position = first_global_sample;
  for (int64_t done = 0; done < n;) {
    const uint64_t epoch = position / size;
    const uint64_t slot = position % size;
    const int64_t here = std::min(n - done, size_ - static_cast<int64_t>(slot));
    if (shards_.sizes.empty()) {
      const Permutation order(size, {seed_, Purpose("data/order"), epoch});
      for (int64_t i = 0; i < here; ++i)
        out[done + i] = static_cast<int64_t>(order(slot + static_cast<uint64_t>(i)));
    } else {
      indices_in_shards(epoch, slot, here, out + done);
    }
    done += here;
    position += static_cast<uint64_t>(here);
  }
}

}  // namespace allmodes::data

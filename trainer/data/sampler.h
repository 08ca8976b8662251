#pragma once

// Which sample comes when. Everything is a pure function of (size, seed, position), so the whole
// state of a run's sampling is one number: the samples seen by all ranks together.

#include <cstdint>
#include <vector>

namespace allmodes::data {

// The samples of one rank in a global batch: positions first .. first + count - 1 of it.
struct Share {
  int64_t first = 0;
  int64_t count = 0;
};

// Contiguous shares in rank order that cover the batch; they differ by at most one sample. Throws
// kSoftware unless 0 <= rank < ranks and global_batch >= 0.
Share share(int64_t global_batch, int rank, int ranks);

// Shards of a set, whose samples are better read side by side than all over.
struct ShardOrder {
  std::vector<int64_t> sizes;  // samples of each shard, in the order of the samples
  int64_t window = 1;          // so many are mixed
};

// Position p is in epoch p / size at slot p % size; each epoch is a permutation of its own, so
// every sample appears exactly once in it, on one rank. Batches may straddle two epochs.
//
// The permutation is a Feistel network with eight keyed rounds on the bits of size - 1, walked
// until the value is below size (Black and Rogaway: "Ciphers with arbitrary finite domains", CT-RSA
// 2002): no table, no start-up time, O(1) a sample, whatever the size.
class Sampler {
 public:
  // Throws kSoftware unless size >= 1.
  Sampler(int64_t size, uint64_t seed);

  // Each epoch permutes the shards; what then lies in a row is cut into windows, each permuted by
  // itself. So reading goes through few shards at a time, and within a window over all of it. No
  // table grows with the samples. Throws kSoftware unless the sizes, >= 1 each, add up to `size`,
  // and the window is >= 1.
  Sampler(int64_t size, uint64_t seed, ShardOrder shards);

  int64_t size() const { return size_; }
  uint64_t seed() const { return seed_; }

  // Writes the data-set indices of the global positions first_global_sample .. + n - 1.
  void indices(uint64_t first_global_sample, int64_t n, int64_t* out) const;

 private:
  void indices_in_shards(uint64_t epoch, uint64_t slot, int64_t n, int64_t* out) const;

  int64_t size_;
  uint64_t seed_;
  ShardOrder shards_;  // of no sizes: every sample by itself
};

}  // namespace allmodes::data

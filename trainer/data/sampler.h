#pragma once

// Which sample comes when. Everything is a pure function of (size, seed, position), so the whole
// state of a run's sampling is one number: the samples seen by all ranks together.

#include <cstdint>

namespace allmodes::data {

// The samples of one rank in a global batch: positions first .. first + count - 1 of it.
struct Share {
  int64_t first = 0;
  int64_t count = 0;
};

// Contiguous shares in rank order that cover the batch; they differ by at most one sample. Throws
// kSoftware unless 0 <= rank < ranks and global_batch >= 0.
Share share(int64_t global_batch, int rank, int ranks);

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

  int64_t size() const { return size_; }
  uint64_t seed() const { return seed_; }

  // Writes the data-set indices of the global positions first_global_sample .. + n - 1.
  void indices(uint64_t first_global_sample, int64_t n, int64_t* out) const;

 private:
  int64_t size_;
  uint64_t seed_;
};

}  // namespace allmodes::data

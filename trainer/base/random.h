#pragma once

// Counter-based random numbers: a value is a pure function of (seed, purpose, step, sample index,
// position), never of the rank or of what was drawn before, so any rank count consumes the same
// noise and a resumed run needs no generator state.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11).
// Normals by Box-Muller with polynomial logarithm and sine, written so that every instruction set
// gives the same bits (no fused multiply-add).

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace allmodes {

// What the numbers are for: a hash of a name ("latent/generator"), so that no two uses share a
// stream.
struct Purpose {
  constexpr explicit Purpose(std::string_view name) : value(0xcbf29ce484222325ULL) {
    for (const char c : name) {
      value ^= static_cast<unsigned char>(c);
      value *= 0x100000001b3ULL;
    }
  }
  uint64_t value;
};

struct NoiseKey {
  uint64_t seed;
  Purpose purpose;
  uint64_t step = 0;  // < 2^48
};

// One Philox4x32-10 block.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// Fills out[samples][values] with N(0, 1), for the global sample indices first, first + 1, ...
// (each < 2^48).
void fill_normal(const NoiseKey& key, uint64_t first, int64_t samples, int64_t values, float* out);

// The same with U[0, 1), 24 bits.
void fill_uniform(const NoiseKey& key, uint64_t first, int64_t samples, int64_t values, float* out);

// A sequential generator on one key (UniformRandomBitGenerator), for shuffles and choices.
class Random {
 public:
  using result_type = uint32_t;
  explicit Random(const NoiseKey& key, uint64_t index = 0);
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()();
  // Uniform in [0, bound), without modulo bias; bound >= 1.
  uint64_t below(uint64_t bound);
  // U[0, 1), 53 bits.
  double uniform();
  // N(0, 1), double precision.
  double normal();

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace allmodes

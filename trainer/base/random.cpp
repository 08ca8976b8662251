#include "base/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace allmodes {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53U;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57U;
constexpr uint32_t kWeyl0 = 0x9E3779B9U;
constexpr uint32_t kWeyl1 = 0xBB67AE85U;
constexpr int kLanes = 16;

uint64_t mix(uint64_t x) {  // splitmix64's finalizer
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::array<uint32_t, 2> philox_key(const NoiseKey& key) {
  const uint64_t k = mix(mix(key.seed) ^ key.purpose.value);
  return {static_cast<uint32_t>(k), static_cast<uint32_t>(k >> 32)};
}

std::array<uint32_t, 4> philox_counter(const NoiseKey& key, uint64_t index, uint32_t block) {
  return {block, static_cast<uint32_t>(index), static_cast<uint32_t>(key.step),
          static_cast<uint32_t>((index >> 32) << 16) |
              static_cast<uint32_t>((key.step >> 32) & 0xFFFFU)};
}

// kLanes Philox blocks side by side; the loops over lanes vectorize.
struct Lanes {
  uint32_t c[4][kLanes];

  void run(std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < kLanes; ++i) {
        const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * c[0][i];
        const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * c[2][i];
        const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c[1][i] ^ key[0];
        const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c[3][i] ^ key[1];
        c[1][i] = static_cast<uint32_t>(p1);
        c[3][i] = static_cast<uint32_t>(p0);
        c[0][i] = n0;
        c[2][i] = n2;
      }
      key[0] += kWeyl0;
      key[1] += kWeyl1;
    }
  }
};

// ln(x) for x in (0, 1], relative error about 1e-7: exponent and a rational series in (m-1)/(m+1).
inline float polynomial_log(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t shifted = bits - 0x3F3504F3U;  // mantissa into [sqrt(1/2), sqrt(2))
  const int32_t exponent = static_cast<int32_t>(shifted) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<uint32_t>(exponent) << 23));
  const float s = (m - 1.0f) / (m + 1.0f);
  const float z = s * s;
  const float series =
      s * (2.0f + z * (0.66666667f + z * (0.4f + z * (0.28571429f + z * 0.22222222f))));
  return static_cast<float>(exponent) * 0.69314718f + series;
}

// sin and cos of 2 pi u for u in [0, 1): quarter turns by integer, Taylor series on +-pi/4.
inline void polynomial_sincos(float u, float& sine, float& cosine) {
  const float turns = u * 4.0f;
  const int32_t quarter = static_cast<int32_t>(turns + 0.5f);
  const float t = (turns - static_cast<float>(quarter)) * 1.57079633f;
  const float t2 = t * t;
  const float s =
      t * (1.0f +
           t2 * (-0.16666667f + t2 * (8.3333333e-3f + t2 * (-1.9841270e-4f + t2 * 2.7557319e-6f))));
  const float c =
      1.0f + t2 * (-0.5f + t2 * (4.1666667e-2f + t2 * (-1.3888889e-3f + t2 * 2.4801587e-5f)));
  const bool swap = (quarter & 1) != 0;
  const float a = swap ? c : s;
  const float b = swap ? s : c;
  sine = (quarter & 2) != 0 ? -a : a;
  cosine = ((quarter + 1) & 2) != 0 ? -b : b;
}

inline float unit_float(uint32_t bits) {  // [0, 1), 24 bits
  return static_cast<float>(static_cast<int32_t>(bits >> 8)) * 0x1.0p-24f;
}

void normals(const Lanes& in, float out[kLanes][4]) {
  for (int i = 0; i < kLanes; ++i) {
    for (int pair = 0; pair < 2; ++pair) {
      const float u = unit_float(in.c[2 * pair][i]) + 0x1.0p-25f;  // (0, 1)
      const float radius = std::sqrt(-2.0f * polynomial_log(u));
      float sine = 0;
      float cosine = 0;
      polynomial_sincos(unit_float(in.c[2 * pair + 1][i]), sine, cosine);
      out[i][2 * pair] = radius * cosine;
      out[i][2 * pair + 1] = radius * sine;
    }
  }
}

void uniforms(const Lanes& in, float out[kLanes][4]) {
  for (int i = 0; i < kLanes; ++i)
    for (int j = 0; j < 4; ++j) out[i][j] = unit_float(in.c[j][i]);
}

template <typename Transform>
void fill(const NoiseKey& key, uint64_t first, int64_t samples, int64_t values, float* out,
          Transform transform) {
  const auto philox_key_value = philox_key(key);
  const int64_t blocks = (values + 3) / 4;  // blocks a sample
  const int64_t total = samples * blocks;
  float numbers[kLanes][4];
  for (int64_t start = 0; start < total; start += kLanes) {
    Lanes lanes;
    for (int i = 0; i < kLanes; ++i) {
      const int64_t at = start + i;
      const auto counter = philox_counter(key, first + static_cast<uint64_t>(at / blocks),
                                          static_cast<uint32_t>(at % blocks));
      for (int j = 0; j < 4; ++j) lanes.c[j][i] = counter[static_cast<size_t>(j)];
    }
    lanes.run(philox_key_value);
    transform(lanes, numbers);
    const int64_t here = std::min<int64_t>(kLanes, total - start);
    for (int64_t i = 0; i < here; ++i) {
      const int64_t at = start + i;
      const int64_t column = (at % blocks) * 4;
      float* target = out + (at / blocks) * values + column;
      const int64_t count = std::min<int64_t>(4, values - column);
      for (int64_t j = 0; j < count; ++j) target[j] = numbers[i][j];
    }
  }
}

}  // namespace

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  Lanes lanes{};
  for (size_t j = 0; j < 4; ++j) lanes.c[j][0] = counter[j];
  lanes.run(key);
  return {lanes.c[0][0], lanes.c[1][0], lanes.c[2][0], lanes.c[3][0]};
}

void fill_normal(const NoiseKey& key, uint64_t first, int64_t samples, int64_t values, float* out) {
  fill(key, first, samples, values, out, normals);
}

void fill_uniform(const NoiseKey& key, uint64_t first, int64_t samples, int64_t values,
                  float* out) {
  fill(key, first, samples, values, out, uniforms);
}

Random::Random(const NoiseKey& key, uint64_t index)
    : key_(philox_key(key)), counter_(philox_counter(key, index, 0)) {}

Random::result_type Random::operator()() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

uint64_t Random::below(uint64_t bound) {
  const uint64_t limit = bound * (std::numeric_limits<uint64_t>::max() / bound);
  for (;;) {
    const uint64_t high = (*this)();
    const uint64_t x = (high << 32) | (*this)();
    if (x < limit) return x % bound;
  }
}

double Random::uniform() {
  const uint64_t high = (*this)();
  return static_cast<double>(((high << 32) | (*this)()) >> 11) * 0x1.0p-53;
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace allmodes

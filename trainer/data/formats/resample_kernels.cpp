#include "data/formats/resample_kernels.h"

#include <algorithm>
#include <array>
#include <cstring>

#ifdef ALLMODES_WITH_AVX
#include <immintrin.h>
#endif

namespace allmodes::data {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

uint8_t to_byte_rounded(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

template <int kChannels>
void resize_row_plainly(const uint8_t* in, const Weights& weights, uint8_t* out) {
  for (const Weights::Run& run : weights.runs) {
    const int32_t* w = &weights.values[run.at];
    const uint8_t* p = in + run.first * kChannels;
    int32_t sums[kChannels];
    std::fill_n(sums, kChannels, kHalf);
    for (int64_t j = 0; j < run.count; ++j)
      for (int c = 0; c < kChannels; ++c) sums[c] += w[j] * p[j * kChannels + c];
    for (int c = 0; c < kChannels; ++c) *out++ = to_byte_rounded(sums[c]);
  }
}

// Bytes [first, last) of each output row.
void resize_columns_plainly(const ByteRows& in, const Weights& weights, int64_t first, int64_t last,
                            uint8_t* out) {
  const int64_t row = in.width * in.channels;
  std::vector<int32_t> sums(static_cast<size_t>(last - first));
  for (const Weights::Run& run : weights.runs) {
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int64_t j = 0; j < run.count; ++j) {
      const int32_t w = weights.values[run.at + static_cast<size_t>(j)];
      const uint8_t* from = in.data + (run.first + j) * in.pitch + first;
      for (size_t x = 0; x < sums.size(); ++x) sums[x] += w * from[x];
    }
    for (size_t x = 0; x < sums.size(); ++x)
      out[first + static_cast<int64_t>(x)] = to_byte_rounded(sums[x]);
    out += row;
  }
}

#ifdef ALLMODES_WITH_AVX

#define ALLMODES_AVX2 __attribute__((target("avx2,fma")))
#define ALLMODES_AVX2_INLINED inline __attribute__((target("avx2,fma"), always_inline))

// Rows that are resized together, so that each weight is loaded once for all.
constexpr int kTogether = 4;
// A run's last load reads at most so many bytes behind its last pixel.
constexpr int64_t kReadBehind = 16;

// Sums of bytes times the two parts of their weights.
struct Sums {
  __m256i high;
  __m256i low;
};

ALLMODES_AVX2_INLINED void add_products(__m256i p, __m256i high, __m256i low, Sums& sums) {
  sums.high = _mm256_add_epi32(sums.high, _mm256_madd_epi16(p, high));
  sums.low = _mm256_add_epi32(sums.low, _mm256_madd_epi16(p, low));
}

// As sums of whole weights, the two halves of the register added up.
ALLMODES_AVX2_INLINED __m128i joined(const Sums& sums) {
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(sums.high, kLowBits), sums.low);
  return _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
}

ALLMODES_AVX2_INLINED __m128i rounded_pixel(const Sums& sums) {
  return _mm_srai_epi32(_mm_add_epi32(joined(sums), _mm_set1_epi32(kHalf)), kWeightBits);
}

// Four pixels R G B as pairs (R0 R1) (G0 G1) (B0 B1) (0 0) of 16-bit numbers in the lower half of
// the register, (R2 R3) ... in the upper: pairs of weights are multiplied with them and added up.
ALLMODES_AVX2_INLINED __m256i four_pixels(const uint8_t* from) {
  const __m256i pairs =
      _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                       -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  __m128i bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), pairs);
}

// The first pair of four weights four times, then the second.
ALLMODES_AVX2_INLINED __m256i four_weights(const int16_t* from) {
  int64_t bits = 0;
  std::memcpy(&bits, from, sizeof bits);
  return _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(_mm_cvtsi64_si128(bits)),
                                     _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

using RowsTogether = std::array<const uint8_t*, kTogether>;

// One output pixel of kTogether colour rows: bytes R G B ?, row by row.
ALLMODES_AVX2_INLINED __m128i colour_pixel(const RowsTogether& rows, int64_t from, int64_t groups,
                                           const int16_t* high, const int16_t* low) {
  const __m256i none = _mm256_setzero_si256();
  Sums a{none, none};
  Sums b{none, none};
  Sums c{none, none};
  Sums d{none, none};
  for (int64_t group = 0; group < groups; ++group) {
    const __m256i w_high = four_weights(high + 4 * group);
    const __m256i w_low = four_weights(low + 4 * group);
    const int64_t at = from + 12 * group;
    add_products(four_pixels(rows[0] + at), w_high, w_low, a);
    add_products(four_pixels(rows[1] + at), w_high, w_low, b);
    add_products(four_pixels(rows[2] + at), w_high, w_low, c);
    add_products(four_pixels(rows[3] + at), w_high, w_low, d);
  }
  return _mm_packus_epi16(_mm_packs_epi32(rounded_pixel(a), rounded_pixel(b)),
                          _mm_packs_epi32(rounded_pixel(c), rounded_pixel(d)));
}

ALLMODES_AVX2 void resize_colour_rows(const RowsTogether& rows, const Weights& weights,
                                      const std::array<uint8_t*, kTogether>& out) {
  int64_t at = 0;
  for (const Weights::Run& run : weights.runs) {
    const __m128i pixel = colour_pixel(rows, 3 * run.first, (run.count + 3) / 4,
                                       &weights.high[run.at], &weights.low[run.at]);
    alignas(16) uint8_t bytes[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(bytes), pixel);
    for (size_t r = 0; r < kTogether; ++r) std::memcpy(out[r] + at, bytes + 4 * r, 3);
    at += 3;
  }
}

ALLMODES_AVX2 void resize_grey_row(const uint8_t* in, const Weights& weights, uint8_t* out) {
  for (const Weights::Run& run : weights.runs) {
    Sums sums{_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int64_t j = 0; j < run.count; j += 16) {
      __m128i bytes;
      std::memcpy(&bytes, in + run.first + j, sizeof bytes);
      __m256i high;
      __m256i low;
      std::memcpy(&high, &weights.high[run.at + static_cast<size_t>(j)], sizeof high);
      std::memcpy(&low, &weights.low[run.at + static_cast<size_t>(j)], sizeof low);
      add_products(_mm256_cvtepu8_epi16(bytes), high, low, sums);
    }
    __m128i sum = joined(sums);
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0b01001110));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0b10110001));
    *out++ = to_byte_rounded(_mm_cvtsi128_si32(sum) + kHalf);
  }
}

// kBytes bytes of one output row.
constexpr int64_t kBytes = 32;

ALLMODES_AVX2_INLINED void add_eight(const uint8_t* from, __m256i w, __m256i& sum) {
  const __m256i p = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
  sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(p, w));
}

ALLMODES_AVX2_INLINED void column_bytes(const uint8_t* in, int64_t pitch, const int32_t* weights,
                                        int64_t count, uint8_t* out) {
  __m256i a = _mm256_set1_epi32(kHalf);
  __m256i b = a;
  __m256i c = a;
  __m256i d = a;
  for (int64_t j = 0; j < count; ++j, in += pitch) {
    const __m256i w = _mm256_set1_epi32(weights[j]);
    add_eight(in, w, a);
    add_eight(in + 8, w, b);
    add_eight(in + 16, w, c);
    add_eight(in + 24, w, d);
  }
  // Packing works on each half of a register by itself: the last step puts the parts in order.
  const __m256i bytes = _mm256_packus_epi16(
      _mm256_packs_epi32(_mm256_srai_epi32(a, kWeightBits), _mm256_srai_epi32(b, kWeightBits)),
      _mm256_packs_epi32(_mm256_srai_epi32(c, kWeightBits), _mm256_srai_epi32(d, kWeightBits)));
  const __m256i ordered =
      _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  std::memcpy(out, &ordered, sizeof ordered);
}

ALLMODES_AVX2 void resize_columns_avx2(const ByteRows& in, const Weights& weights, uint8_t* out) {
  const int64_t row = in.width * in.channels;
  const int64_t whole = row / kBytes * kBytes;
  if (whole < row) resize_columns_plainly(in, weights, whole, row, out);
  for (const Weights::Run& run : weights.runs) {
    for (int64_t x = 0; x < whole; x += kBytes)
      column_bytes(in.data + run.first * in.pitch + x, in.pitch, &weights.values[run.at], run.count,
                   out + x);
    out += row;
  }
}

// Rows whose last loads would read behind `end` are read from a copy with room behind it.
void resize_rows_avx2(const ByteRows& in, const Weights& weights, uint8_t* out) {
  const int64_t bytes = in.width * in.channels;
  const int64_t out_bytes = std::ssize(weights.runs) * in.channels;
  const int64_t together = in.channels == 3 ? kTogether : 1;
  std::vector<uint8_t> copies(static_cast<size_t>(together * (bytes + kReadBehind)), 0);
  for (int64_t y = 0; y < in.rows; y += together) {
    RowsTogether rows{};
    std::array<uint8_t*, kTogether> targets{};
    for (int64_t r = 0; r < together; ++r) {
      // Rows that are missing for the last step are the last one again.
      const int64_t at = std::min(y + r, in.rows - 1);
      const auto i = static_cast<size_t>(r);
      rows[i] = in.data + at * in.pitch;
      targets[i] = out + at * out_bytes;
      if (in.end - rows[i] >= bytes + kReadBehind) continue;
      uint8_t* copy = copies.data() + r * (bytes + kReadBehind);
      std::copy_n(rows[i], bytes, copy);
      rows[i] = copy;
    }
    if (in.channels == 3)
      resize_colour_rows(rows, weights, targets);
    else
      resize_grey_row(rows[0], weights, targets[0]);
  }
}

#endif

}  // namespace

void resize_rows(const ByteRows& in, const Weights& weights, uint8_t* out, InstructionSet set) {
#ifdef ALLMODES_WITH_AVX
  if (set != InstructionSet::baseline) return resize_rows_avx2(in, weights, out);
#endif
  static_cast<void>(set);
  const auto row = in.channels == 1 ? resize_row_plainly<1> : resize_row_plainly<3>;
  for (int64_t y = 0; y < in.rows; ++y)
    row(in.data + y * in.pitch, weights, out + y * std::ssize(weights.runs) * in.channels);
}

void resize_columns(const ByteRows& in, const Weights& weights, uint8_t* out, InstructionSet set) {
#ifdef ALLMODES_WITH_AVX
  if (set != InstructionSet::baseline) return resize_columns_avx2(in, weights, out);
#endif
  static_cast<void>(set);
  resize_columns_plainly(in, weights, 0, in.width * in.channels, out);
}

}  // namespace allmodes::data

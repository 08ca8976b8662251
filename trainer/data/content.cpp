#include "data/content.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace allmodes::data {
namespace {

constexpr float scaled(uint8_t byte) {
  return (static_cast<float>(byte) - kByteCentre) * kByteScale;
}
static_assert(scaled(0) == -1.0f && scaled(255) == 1.0f);

}  // namespace

// Arithmetic on blocks of 16 vectorizes and is faster than a table of 256; subtracting first leaves
// nothing to fuse, so every instruction set gives the same bits.
void to_samples(const uint8_t* in, int64_t count, float* __restrict out) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int j = 0; j < 16; ++j) out[i + j] = scaled(in[i + j]);
  for (; i < count; ++i) out[i] = scaled(in[i]);
}

void to_samples(const uint8_t* in, int64_t count, uint8_t* __restrict out) {
  std::memcpy(out, in, static_cast<size_t>(count));
}

std::vector<int64_t> Dataset::existing_classes() const {
  std::vector<int64_t> all(static_cast<size_t>(classes()));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

std::vector<int64_t> Dataset::sample_dimensions() const {
  const SampleShape s = shape();
  if (!s.image) return {s.values()};
  return {s.channels, s.height, s.width};
}

void Dataset::copy_bytes(std::span<const int64_t>, uint8_t*, int64_t*) const {
  ALLMODES_FAIL(ExitCode::kSoftware, "bytes of a data set that holds none");
}

void to_samples(const float* in, int64_t count, float* __restrict out) {
  std::memcpy(out, in, static_cast<size_t>(count) * sizeof(float));
}

std::optional<std::string> misfit(double value, bool image) {
  if (std::isfinite(value) && (!image || std::abs(value) <= 1.0)) return std::nullopt;
  return fmt::format("the value {}; {} was expected", value,
                     image ? "images that are read in place (data.memory_map) hold bytes or "
                             "floating-point numbers in [-1, 1], which"
                           : "a finite one in place (data.memory_map)");
}

std::string describe(const std::string& name, int64_t size, const SampleShape& shape,
                     int64_t classes, const std::string& noun) {
  const std::string extent =
      shape.image ? fmt::format("{} x {} x {}", shape.channels, shape.height, shape.width)
                  : fmt::format("in {} dimensions", shape.values());
  return fmt::format("{}: {} {} {}, {}", name, size, shape.image ? "images" : "points", extent,
                     classes == 0 ? "unlabelled" : fmt::format("{} {}", classes, noun));
}

ContentHash::ContentHash() : state_(XXH3_createState()) {
  ALLMODES_CHECK(state_ != nullptr && XXH3_64bits_reset(state_.get()) == XXH_OK,
                 "no memory for a hash");
}

void ContentHash::add(const void* values, size_t bytes) {
  ALLMODES_CHECK(XXH3_64bits_update(state_.get(), values, bytes) == XXH_OK, "hashing failed");
}

uint64_t ContentHash::finish(const SampleShape& shape, size_t value_bytes,
                             const Labels& labels) const {
  const uint64_t header[] = {
      static_cast<uint64_t>(shape.channels),
      static_cast<uint64_t>(shape.height),
      static_cast<uint64_t>(shape.width),
      shape.image ? 1U : 0U,
      value_bytes,
      labels.values.size(),
      XXH3_64bits_digest(state_.get()),
      XXH3_64bits(labels.values.data(), labels.values.size() * sizeof(int32_t))};
  return XXH3_64bits(header, sizeof header);
}

uint64_t sampled_hash(std::span<const uint8_t> bytes, uint64_t seed) {
  constexpr size_t kBlocks = 16, kBlock = 4096;
  uint64_t hash = seed ^ bytes.size();
  if (bytes.size() <= kBlocks * kBlock)
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), hash);
  const size_t distance = (bytes.size() - kBlock) / (kBlocks - 1);
  for (size_t i = 0; i < kBlocks; ++i) {
    const size_t first = i + 1 < kBlocks ? i * distance : bytes.size() - kBlock;
    hash = XXH3_64bits_withSeed(bytes.data() + first, kBlock, hash);
  }
  return hash;
}

}  // namespace allmodes::data

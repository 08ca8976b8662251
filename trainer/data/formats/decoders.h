#pragma once

// One decoder a format, for picture.cpp, which makes their results alike.

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/formats/picture.h"

namespace allmodes::data {

// Pixels as the format has them: grey, grey and opacity, RGB, or RGB and opacity.
struct DecodedPicture {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;              // 1 to 4
  std::vector<uint8_t> pixels = {};  // [height][width][channels]
  int64_t warnings = 0;
  std::string first_warning = {};
};

// Throws kDataError, "byte N: MESSAGE".
template <class... Arguments>
[[noreturn]] void damaged(uint64_t byte, fmt::format_string<Arguments...> format,
                          Arguments&&... arguments) {
  ALLMODES_FAIL(ExitCode::kDataError, "byte {}: {}", byte,
                fmt::format(format, std::forward<Arguments>(arguments)...));
}

// Numbers at a place, which must be inside: `bytes.size()` is checked by the caller.
inline uint32_t big_endian_32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3];
}
inline uint32_t little_endian_32(const uint8_t* p) {
  return uint32_t{p[3]} << 24 | uint32_t{p[2]} << 16 | uint32_t{p[1]} << 8 | p[0];
}
inline uint16_t little_endian_16(const uint8_t* p) {
  return static_cast<uint16_t>(p[1] << 8 | p[0]);
}

// The orientation in EXIF data that begins with its TIFF header, 1 where it has none.
int exif_orientation(std::span<const uint8_t> tiff);

PictureInfo jpeg_info(std::span<const uint8_t> bytes);
PictureInfo png_info(std::span<const uint8_t> bytes);
PictureInfo webp_info(std::span<const uint8_t> bytes);
PictureInfo bmp_info(std::span<const uint8_t> bytes);
PictureInfo pnm_info(std::span<const uint8_t> bytes);

DecodedPicture decode_jpeg(std::span<const uint8_t> bytes);
DecodedPicture decode_png(std::span<const uint8_t> bytes);
DecodedPicture decode_webp(std::span<const uint8_t> bytes);
DecodedPicture decode_bmp(std::span<const uint8_t> bytes);
DecodedPicture decode_pnm(std::span<const uint8_t> bytes);

}  // namespace allmodes::data

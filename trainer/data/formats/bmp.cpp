// Windows bitmaps without compression: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits, with
// masks or without. (Microsoft, BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER.)

#include <array>
#include <bit>
#include <cstdlib>

#include "data/formats/decoders.h"

namespace allmodes::data {
namespace {

struct BmpHeader {
  int64_t width = 0;
  int64_t height = 0;
  bool top_down = false;
  uint16_t bits = 0;
  std::array<uint32_t, 4> masks = {};  // red, green, blue, opacity; of 16 and 32 bits
  std::vector<std::array<uint8_t, 3>> palette;
  uint64_t pixels_at = 0;
  uint64_t row_bytes = 0;

  bool grey() const {
    if (palette.empty()) return false;
    for (const auto& [r, g, b] : palette)
      if (r != g || g != b) return false;
    return true;
  }
};

void read_masks(std::span<const uint8_t> bytes, uint32_t header_bytes, uint32_t compression,
                BmpHeader& header) {
  constexpr uint32_t kBitFields = 3;
  constexpr uint32_t kAlphaBitFields = 6;
  if (compression == kBitFields || compression == kAlphaBitFields) {
    const bool with_alpha = header_bytes >= 56 || compression == kAlphaBitFields;
    for (size_t i = 0; i < (with_alpha ? 4U : 3U); ++i) {
      if (54 + 4 * i + 4 > bytes.size()) damaged(bytes.size(), "the BMP file ends in its header");
      header.masks[i] = little_endian_32(&bytes[54 + 4 * i]);
    }
  } else if (header.bits == 16) {
    header.masks = {0x7C00, 0x03E0, 0x001F, 0};
  } else {
    header.masks = {0x00FF0000, 0x0000FF00, 0x000000FF, 0};
  }
}

void read_palette(std::span<const uint8_t> bytes, uint32_t header_bytes, BmpHeader& header) {
  const bool old = header_bytes == 12;
  const uint64_t at = 14 + uint64_t{header_bytes};
  const uint64_t width = old ? 3 : 4;
  uint64_t entries = uint64_t{1} << header.bits;
  if (!old) {
    const uint64_t used = little_endian_32(&bytes[46]);
    if (used > entries) damaged(46, "a palette of {} colours for {} bits", used, header.bits);
    if (used > 0) entries = used;
  }
  if (at + entries * width > bytes.size()) damaged(bytes.size(), "the BMP ends in its palette");
  for (uint64_t i = 0; i < entries; ++i) {
    const uint8_t* entry = &bytes[at + i * width];
    header.palette.push_back({entry[2], entry[1], entry[0]});
  }
}

BmpHeader read_bmp_header(std::span<const uint8_t> bytes) {
  if (bytes.size() < 54) damaged(bytes.size(), "the BMP file ends in its header");
  BmpHeader header;
  header.pixels_at = little_endian_32(&bytes[10]);
  const uint32_t header_bytes = little_endian_32(&bytes[14]);
  uint32_t compression = 0;
  if (header_bytes == 12) {
    header.width = little_endian_16(&bytes[18]);
    header.height = little_endian_16(&bytes[20]);
    header.bits = little_endian_16(&bytes[24]);
  } else if (header_bytes >= 40 && header_bytes <= 124) {
    header.width = static_cast<int32_t>(little_endian_32(&bytes[18]));
    header.height = static_cast<int32_t>(little_endian_32(&bytes[22]));
    header.top_down = header.height < 0;
    header.height = std::abs(header.height);
    header.bits = little_endian_16(&bytes[28]);
    compression = little_endian_32(&bytes[30]);
  } else {
    damaged(14, "a BMP header of {} bytes; 12 or 40 to 124 were expected", header_bytes);
  }
  if (compression != 0 && compression != 3 && compression != 6)
    damaged(30, "a BMP of compression {}; only those without compression are read", compression);
  switch (header.bits) {
    case 1:
    case 4:
    case 8:
      read_palette(bytes, header_bytes, header);
      break;
    case 16:
    case 32:
      read_masks(bytes, header_bytes, compression, header);
      break;
    case 24:
      break;
    default:
      damaged(28, "a BMP of {} bits; 1, 4, 8, 16, 24 or 32 were expected", header.bits);
  }
  header.row_bytes =
      (static_cast<uint64_t>(std::max<int64_t>(header.width, 0)) * header.bits + 31) / 32 * 4;
  return header;
}

// The bits of `mask` in `value`, spread over 0..255.
uint8_t masked(uint32_t value, uint32_t mask) {
  if (mask == 0) return 0;
  const uint32_t most = mask >> std::countr_zero(mask);
  const uint64_t part = (value & mask) >> std::countr_zero(mask);
  return static_cast<uint8_t>((part * 255 + most / 2) / most);
}

void decode_row(const BmpHeader& header, const uint8_t* row, uint8_t* out) {
  const bool grey = header.grey();
  const bool alpha = header.masks[3] != 0;
  for (int64_t x = 0; x < header.width; ++x) {
    const auto at = static_cast<uint64_t>(x) * header.bits;
    if (header.bits <= 8) {
      const auto shift = 8 - header.bits - at % 8;
      const size_t index = (row[at / 8] >> shift) & ((1U << header.bits) - 1);
      const std::array<uint8_t, 3> colour =
          index < header.palette.size() ? header.palette[index] : std::array<uint8_t, 3>{};
      *out++ = colour[0];
      if (grey) continue;
      *out++ = colour[1];
      *out++ = colour[2];
    } else if (header.bits == 24) {
      for (int c = 2; c >= 0; --c) *out++ = row[3 * x + c];
    } else {
      const uint32_t value =
          header.bits == 16 ? little_endian_16(&row[2 * x]) : little_endian_32(&row[4 * x]);
      for (size_t c = 0; c < (alpha ? 4U : 3U); ++c) *out++ = masked(value, header.masks[c]);
    }
  }
}

}  // namespace

PictureInfo bmp_info(std::span<const uint8_t> bytes) {
  const BmpHeader header = read_bmp_header(bytes);
  return {.format = PictureFormat::kBmp,
          .height = header.height,
          .width = header.width,
          .colour = !header.grey(),
          .transparent = header.masks[3] != 0};
}

DecodedPicture decode_bmp(std::span<const uint8_t> bytes) {
  const BmpHeader header = read_bmp_header(bytes);
  const auto rows = static_cast<uint64_t>(header.height);
  if (header.pixels_at > bytes.size() || rows * header.row_bytes > bytes.size() - header.pixels_at)
    damaged(bytes.size(), "the BMP ends too early: {} rows of {} bytes from byte {} were expected",
            rows, header.row_bytes, header.pixels_at);
  DecodedPicture picture{.height = header.height,
                         .width = header.width,
                         .channels = header.grey()          ? 1
                                     : header.masks[3] != 0 ? 4
                                                            : 3};
  picture.pixels.resize(static_cast<size_t>(picture.height * picture.width * picture.channels));
  for (uint64_t y = 0; y < rows; ++y) {
    const uint64_t stored = header.top_down ? y : rows - 1 - y;
    decode_row(header, &bytes[header.pixels_at + stored * header.row_bytes],
               picture.pixels.data() + y * static_cast<uint64_t>(picture.width * picture.channels));
  }
  return picture;
}

}  // namespace allmodes::data

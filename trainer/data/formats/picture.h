#pragma once

// Pictures in the formats that people keep them in: JPEG, PNG, WebP, BMP and PGM/PPM. What a file
// is, its first bytes say; its name is never asked.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace allmodes::data {

enum class PictureFormat { kJpeg, kPng, kWebp, kBmp, kPnm };

// "JPEG", "PNG", ...
std::string format_name(PictureFormat format);

// Nothing when the bytes begin as none of them.
std::optional<PictureFormat> picture_format(std::span<const uint8_t> bytes);

// What the header says, before any pixel is decoded.
struct PictureInfo {
  PictureFormat format = PictureFormat::kPng;
  int64_t height = 0;  // as stored, before it is turned
  int64_t width = 0;
  bool colour = false;       // a palette counts as colour
  bool transparent = false;  // has an alpha channel or a transparent colour
  bool deep = false;         // more than 8 bits a channel
  bool animated = false;     // the first picture of several, which is the one that is read
  int orientation = 1;       // EXIF, 1 (upright) to 8
};

// How pictures are made ready: the same for all of a set.
struct PictureOptions {
  bool colour = true;                 // as RGB, else as grey
  uint8_t background = 0;             // grey under transparent pixels
  bool apply_exif = true;             // turn as `orientation` says
  int64_t most_pixels = 100'000'000;  // a larger picture is refused before memory is taken for it
};

struct Picture {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;              // 1 or 3
  std::vector<uint8_t> pixels = {};  // [height][width][channels]
  int64_t warnings = 0;              // of the decoder, that leave the picture usable
  std::string first_warning = {};    // with its byte
};

// Throws kDataError, "byte N: REASON", for bytes that are no picture, or one that is damaged or too
// large. An animated WebP is refused as such.
PictureInfo read_picture_info(std::span<const uint8_t> bytes, int64_t most_pixels);

// The decoded picture in the given colours:
//   * 16 bits become 8 by rounding value / 257;
//   * a pixel of colour c and opacity a (0..255) on background b becomes
//     (c a + b (255 - a)) / 255, rounded: plain arithmetic on the stored numbers, as Pillow's
//     paste() has it, so that white of opacity 128 on black is 128;
//   * CMYK (stored inverted, as Adobe does) becomes RGB channel by channel as
//     (255 - K) - C (255 - K) / 255, as in Pillow;
//   * RGB becomes grey as (19595 R + 38470 G + 7471 B + 32768) / 65536 (ITU-R 601-2, Pillow's "L").
// Of a baseline or progressive JPEG the pixels are those of libjpeg's exact integer transform with
// its smooth upsampling. Throws as read_picture_info().
Picture decode_picture(std::span<const uint8_t> bytes, const PictureOptions& options);

}  // namespace allmodes::data

#include "data/formats/picture.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "data/formats/decoders.h"
#include "data/formats/foreign.h"

namespace allmodes::data {
namespace {

struct PictureCodec {
  PictureFormat format;
  const char* name;
  bool (*begins)(std::string_view bytes);
  PictureInfo (*info)(std::span<const uint8_t> bytes);
  DecodedPicture (*decode)(std::span<const uint8_t> bytes);
};

constexpr std::string_view kPngBegin("\x89PNG\r\n\x1a\n", 8);

constexpr std::array<PictureCodec, 5> kCodecs{{
    {PictureFormat::kJpeg, "JPEG", [](std::string_view b) { return b.starts_with("\xFF\xD8\xFF"); },
     jpeg_info, decode_jpeg},
    {PictureFormat::kPng, "PNG", [](std::string_view b) { return b.starts_with(kPngBegin); },
     png_info, decode_png},
    {PictureFormat::kWebp, "WebP",
     [](std::string_view b) {
       return b.starts_with("RIFF") && b.size() >= 12 && b.substr(8, 4) == "WEBP";
     },
     webp_info, decode_webp},
    {PictureFormat::kBmp, "BMP",
     [](std::string_view b) { return b.starts_with("BM") && b.size() >= 26; }, bmp_info,
     decode_bmp},
    {PictureFormat::kPnm, "PNM",
     [](std::string_view b) {
       return b.size() >= 8 && b[0] == 'P' && b[1] >= '1' && b[1] <= '6' &&
              (b[2] == '\n' || b[2] == ' ' || b[2] == '\r' || b[2] == '\t');
     },
     pnm_info, decode_pnm},
}};

std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const PictureCodec& codec_of(std::span<const uint8_t> bytes) {
  for (const PictureCodec& codec : kCodecs)
    if (codec.begins(text_of(bytes))) return codec;
  const ForeignFormat found = foreign_format(bytes);
  damaged(0, "no picture: it is {}; JPEG, PNG, WebP, BMP, PGM or PPM was expected{}", found.what,
          found.remedy);
}

// (a + b) / 255 rounded, of products of bytes.
uint8_t over_255(uint32_t sum) {
  sum += 128;
  return static_cast<uint8_t>(((sum >> 8) + sum) >> 8);
}

// Grey and opacity to grey, RGB and opacity to RGB.
void lay_on(uint8_t background, DecodedPicture& picture) {
  const int64_t colours = picture.channels - 1;
  const auto pixels = picture.height * picture.width;
  const uint8_t* in = picture.pixels.data();
  uint8_t* out = picture.pixels.data();
  for (int64_t i = 0; i < pixels; ++i) {
    const uint32_t opacity = in[colours];
    for (int64_t c = 0; c < colours; ++c)
      *out++ = over_255(in[c] * opacity + background * (255 - opacity));
    in += colours + 1;
  }
  picture.channels = colours;
  picture.pixels.resize(static_cast<size_t>(pixels * colours));
}

void recolour(bool colour, DecodedPicture& picture) {
  const auto pixels = static_cast<size_t>(picture.height * picture.width);
  if (colour && picture.channels == 1) {
    std::vector<uint8_t> out(pixels * 3);
    for (size_t i = 0; i < pixels; ++i)
      out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = picture.pixels[i];
    picture.pixels = std::move(out);
    picture.channels = 3;
  } else if (!colour && picture.channels == 3) {
    for (size_t i = 0; i < pixels; ++i) {
      const uint8_t* p = &picture.pixels[3 * i];
      picture.pixels[i] =
          static_cast<uint8_t>((19595U * p[0] + 38470U * p[1] + 7471U * p[2] + 0x8000U) >> 16);
    }
    picture.pixels.resize(pixels);
    picture.channels = 1;
  }
}

// Undoes what EXIF says was done when the picture was taken.
void turn_upright(int orientation, DecodedPicture& picture) {
  if (orientation == 1) return;
  const bool transposed = orientation >= 5;
  const int64_t height = transposed ? picture.width : picture.height;
  const int64_t width = transposed ? picture.height : picture.width;
  const int64_t channels = picture.channels;
  std::vector<uint8_t> out(picture.pixels.size());
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      int64_t from_y = transposed ? x : y;
      int64_t from_x = transposed ? y : x;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        from_y = picture.height - 1 - from_y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        from_x = picture.width - 1 - from_x;
      const uint8_t* in =
          &picture.pixels[static_cast<size_t>((from_y * picture.width + from_x) * channels)];
      std::copy_n(in, channels, &out[static_cast<size_t>((y * width + x) * channels)]);
    }
  }
  picture.pixels = std::move(out);
  picture.height = height;
  picture.width = width;
}

}  // namespace

std::string format_name(PictureFormat format) {
  for (const PictureCodec& codec : kCodecs)
    if (codec.format == format) return codec.name;
  return "?";
}

std::optional<PictureFormat> picture_format(std::span<const uint8_t> bytes) {
  for (const PictureCodec& codec : kCodecs)
    if (codec.begins(text_of(bytes))) return codec.format;
  return std::nullopt;
}

PictureInfo read_picture_info(std::span<const uint8_t> bytes, int64_t most_pixels) {
  if (bytes.empty()) damaged(0, "the file is empty");
  const PictureInfo info = codec_of(bytes).info(bytes);
  if (info.width < 1 || info.height < 1)
    damaged(0, "{} x {} pixels; at least one a side was expected", info.width, info.height);
  if (info.height > most_pixels / info.width)
    damaged(0,
            "{} x {} pixels, above the limit of {} million (data.largest_picture); it may be made "
            "to fill the memory",
            info.width, info.height, most_pixels / 1'000'000);
  return info;
}

Picture decode_picture(std::span<const uint8_t> bytes, const PictureOptions& options) {
  const PictureInfo info = read_picture_info(bytes, options.most_pixels);
  DecodedPicture decoded = codec_of(bytes).decode(bytes);
  if (decoded.channels == 2 || decoded.channels == 4) lay_on(options.background, decoded);
  recolour(options.colour, decoded);
  if (options.apply_exif) turn_upright(info.orientation, decoded);
  return {.height = decoded.height,
          .width = decoded.width,
          .channels = decoded.channels,
          .pixels = std::move(decoded.pixels),
          .warnings = decoded.warnings,
          .first_warning = std::move(decoded.first_warning)};
}

}  // namespace allmodes::data

// Still WebP pictures, lossy and lossless. (Google, "WebP Container Specification".)

#include <webp/decode.h>

#include <algorithm>
#include <cstring>

#include "data/formats/decoders.h"

namespace allmodes::data {
namespace {

constexpr size_t kRiffHeader = 12;

WebPBitstreamFeatures features_of(std::span<const uint8_t> bytes) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA)
    damaged(bytes.size(), "the WebP file ends in its header");
  if (status != VP8_STATUS_OK) damaged(kRiffHeader, "the WebP header is damaged");
  if (features.has_animation != 0)
    damaged(kRiffHeader, "an animated WebP; only still pictures are read: save one frame of it");
  return features;
}

}  // namespace

PictureInfo webp_info(std::span<const uint8_t> bytes) {
  const WebPBitstreamFeatures features = features_of(bytes);
  PictureInfo info{.format = PictureFormat::kWebp,
                   .height = features.height,
                   .width = features.width,
                   .colour = true,
                   .transparent = features.has_alpha != 0};
  for (size_t at = kRiffHeader; at + 8 <= bytes.size();) {
    const size_t length = little_endian_32(&bytes[at + 4]);
    if (length > bytes.size() - at - 8) break;
    if (std::memcmp(&bytes[at], "EXIF", 4) == 0) {
      auto exif = bytes.subspan(at + 8, length);
      if (exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0) exif = exif.subspan(6);
      info.orientation = exif_orientation(exif);
    }
    at += 8 + length + length % 2;
  }
  return info;
}

DecodedPicture decode_webp(std::span<const uint8_t> bytes) {
  const WebPBitstreamFeatures features = features_of(bytes);
  DecodedPicture picture{.height = features.height,
                         .width = features.width,
                         .channels = features.has_alpha != 0 ? 4 : 3};
  picture.pixels.resize(static_cast<size_t>(picture.height * picture.width * picture.channels));
  const auto decode = features.has_alpha != 0 ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (decode(bytes.data(), bytes.size(), picture.pixels.data(), picture.pixels.size(),
             static_cast<int>(picture.width * picture.channels)) == nullptr) {
    const size_t said = size_t{little_endian_32(&bytes[4])} + 8;
    if (said > bytes.size())
      damaged(bytes.size(), "the WebP ends too early ({} bytes were expected); it is truncated",
              said);
    damaged(kRiffHeader, "the WebP image is damaged");
  }
  return picture;
}

}  // namespace allmodes::data

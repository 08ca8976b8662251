// The one field of EXIF that changes how a picture looks. (EXIF 2.3, "Orientation", tag 0x0112 of
// the first directory; TIFF 6.0 for the structure.)

#include "data/formats/decoders.h"

namespace allmodes::data {

int exif_orientation(std::span<const uint8_t> tiff) {
  constexpr uint16_t kOrientation = 0x0112;
  constexpr uint16_t kShort = 3;
  if (tiff.size() < 8) return 1;
  const bool little = tiff[0] == 'I' && tiff[1] == 'I';
  if (!little && !(tiff[0] == 'M' && tiff[1] == 'M')) return 1;
  const auto short_at = [&](size_t at) -> uint16_t {
    return little ? little_endian_16(&tiff[at])
                  : static_cast<uint16_t>(tiff[at] << 8 | tiff[at + 1]);
  };
  const auto long_at = [&](size_t at) {
    return little ? little_endian_32(&tiff[at]) : big_endian_32(&tiff[at]);
  };
  const size_t directory = long_at(4);
  if (short_at(2) != 42 || directory > tiff.size() - 2) return 1;
  const size_t entries = short_at(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + 12 * i;
    if (at + 12 > tiff.size()) return 1;
    if (short_at(at) != kOrientation || short_at(at + 2) != kShort) continue;
    const int value = short_at(at + 8);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

}  // namespace allmodes::data

// PBM, PGM and PPM, plain and raw, up to 16 bits. (Netpbm, "pnm".)

#include <algorithm>
#include <cmath>

#include "data/formats/decoders.h"

namespace allmodes::data {
namespace {

struct PnmHeader {
  char kind = 0;  // '1' to '6'
  uint64_t width = 0;
  uint64_t height = 0;
  uint64_t most = 1;  // the value that means white
  size_t values_at = 0;

  bool colour() const { return kind == '3' || kind == '6'; }
  bool bitmap() const { return kind == '1' || kind == '4'; }
  bool plain() const { return kind <= '3'; }
};

class PnmReader {
 public:
  explicit PnmReader(std::span<const uint8_t> bytes, size_t at) : bytes_(bytes), at_(at) {}

  size_t at() const { return at_; }

  uint64_t number() {
    skip_space();
    const size_t start = at_;
    uint64_t value = 0;
    for (; at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9'; ++at_) {
      value = value * 10 + (bytes_[at_] - '0');
      if (value > 0xFFFFFFFF) damaged(start, "a number that is too large");
    }
    if (at_ == start) fail_number();
    return value;
  }

  // Of a plain bitmap, whose digits need no space between them.
  uint64_t digit() {
    skip_space();
    if (at_ >= bytes_.size() || (bytes_[at_] != '0' && bytes_[at_] != '1')) fail_number();
    return bytes_[at_++] - '0';
  }

 private:
  void skip_space() {
    while (at_ < bytes_.size()) {
      if (bytes_[at_] == '#')
        while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
      else if (bytes_[at_] == ' ' || (bytes_[at_] >= '\t' && bytes_[at_] <= '\r'))
        ++at_;
      else
        return;
    }
  }

  [[noreturn]] void fail_number() const {
    if (at_ >= bytes_.size()) damaged(at_, "the PNM file ends here; a number was expected");
    damaged(at_, "a number was expected");
  }

  std::span<const uint8_t> bytes_;
  size_t at_;
};

PnmHeader read_pnm_header(std::span<const uint8_t> bytes) {
  PnmHeader header{.kind = static_cast<char>(bytes[1])};
  PnmReader reader(bytes, 2);
  header.width = reader.number();
  header.height = reader.number();
  if (!header.bitmap()) header.most = reader.number();
  if (header.most < 1 || header.most > 65535)
    damaged(reader.at(), "a largest value of {}; 1 to 65535 was expected", header.most);
  header.values_at = reader.at() + 1;  // one space
  return header;
}

uint8_t spread(uint64_t value, uint64_t most, size_t at) {
  if (value > most) damaged(at, "the value {}; at most {} was expected", value, most);
  // Halves go to the even number, as in Python.
  return static_cast<uint8_t>(
      std::nearbyint(static_cast<double>(value) / static_cast<double>(most) * 255.0));
}

}  // namespace

PictureInfo pnm_info(std::span<const uint8_t> bytes) {
  const PnmHeader header = read_pnm_header(bytes);
  return {.format = PictureFormat::kPnm,
          .height = static_cast<int64_t>(header.height),
          .width = static_cast<int64_t>(header.width),
          .colour = header.colour(),
          .deep = header.most > 255};
}

DecodedPicture decode_pnm(std::span<const uint8_t> bytes) {
  const PnmHeader header = read_pnm_header(bytes);
  const uint64_t channels = header.colour() ? 3 : 1;
  const uint64_t values = header.width * header.height * channels;
  const uint64_t width = header.most > 255 ? 2 : 1;
  const uint64_t row = (header.width + 7) / 8;  // of a raw bitmap
  const uint64_t needed = header.kind == '4' ? header.height * row
                          : header.plain()   ? (header.bitmap() ? values : 2 * values - 1)
                                             : values * width;
  const uint64_t there = bytes.size() - std::min(bytes.size(), header.values_at);
  if (needed > there)
    damaged(bytes.size(), "the PNM ends too early: {} bytes from byte {} were expected", needed,
            header.values_at);
  DecodedPicture picture{.height = static_cast<int64_t>(header.height),
                         .width = static_cast<int64_t>(header.width),
                         .channels = static_cast<int64_t>(channels)};
  picture.pixels.resize(values);
  const uint8_t* in = bytes.data() + header.values_at;
  PnmReader text(bytes, header.values_at);
  for (uint64_t i = 0; i < values; ++i) {
    if (header.kind == '1') {
      picture.pixels[i] = text.digit() != 0 ? 0 : 255;
    } else if (header.kind == '4') {
      const uint64_t x = i % header.width;
      picture.pixels[i] = ((in[i / header.width * row + x / 8] >> (7 - x % 8)) & 1U) != 0 ? 0 : 255;
    } else if (header.plain()) {
      picture.pixels[i] = spread(text.number(), header.most, text.at());
    } else {
      const uint64_t value = width == 2 ? uint64_t{in[2 * i]} << 8 | in[2 * i + 1] : in[i];
      picture.pixels[i] = spread(value, header.most, header.values_at + i * width);
    }
  }
  return picture;
}

}  // namespace allmodes::data

#include "records/canvas.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace allmodes::records {
namespace {

constexpr int kGlyphRows = 9;  // seven above the base line, two below
constexpr int kGlyphColumns = 5;
constexpr int kAdvance = 6;

// ASCII 32 to 126. A character is nine rows from the top; a row is one digit in base 32 (0-9, a-v)
// whose five bits are the pixels, the leftmost the highest.
constexpr std::array<std::string_view, 95> kFont = {
    "000000000", "444440400", "aaa000000", "aavavaa00", "4fke5u400", "op248j300", "cik8lid00",
    "448000000", "248884200", "842224800", "04lel4000", "044v44000", "00000c480", "000e00000",
    "00000cc00", "01248g000", "ehjlphe00", "4c4444e00", "eh1248v00", "v2421he00", "26aiv2200",
    "vgu11he00", "68guhhe00", "v12488800", "ehhehhe00", "ehhf12c00", "0cc0cc000", "0cc0c4800",
    "248g84200", "00v0v0000", "842124800", "eh1240400", "eh1dlle00", "ehhhvhh00", "uhhuhhu00",
    "ehggghe00", "sihhhis00", "vgguggv00", "vgguggg00", "ehgnhhf00", "hhhvhhh00", "e44444e00",
    "72222ic00", "hikokih00", "ggggggv00", "hrllhhh00", "hhpljhh00", "ehhhhhe00", "uhhuggg00",
    "ehhhlid00", "uhhukih00", "fgge11u00", "v44444400", "hhhhhhe00", "hhhhha400", "hhhllla00",
    "hha4ahh00", "hhha44400", "v1248gv00", "e88888e00", "0g8421000", "e22222e00", "4ah000000",
    "000000v00", "842000000", "00e1fhf00", "ggmphhu00", "00egghe00", "11djhhf00", "00ehvge00",
    "698s88800", "00fhhhf1e", "ggmphhh00", "40c444e00", "2062222ic", "ggikoki00", "c44444e00",
    "00qllhh00", "00mphhh00", "00ehhhe00", "00uhhhugg", "00fhhhf11", "00mpggg00", "00ege1u00",
    "88s889600", "00hhhjd00", "00hhha400", "00hhlla00", "00ha4ah00", "00hhhhf1e", "00v248v00",
    "244844200", "444444400", "844244800", "008l20000"};

int row_bits(char digit) {
  return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

// How much of the pixel [at, at + 1] lies in [low, high].
double overlap(int64_t at, double low, double high) {
  const auto begin = static_cast<double>(at);
  return std::max(0.0, std::min(begin + 1, high) - std::max(begin, low));
}

int64_t floor_of(double value) {
  return static_cast<int64_t>(std::floor(value));
}

}  // namespace

Canvas::Canvas(int64_t width, int64_t height, Color background)
    : image_{.width = width, .height = height, .channels = 3, .pixels = {}} {
  image_.pixels.resize(static_cast<size_t>(width * height * 3));
  fill(0, 0, static_cast<double>(width), static_cast<double>(height), background);
}

void Canvas::blend(int64_t x, int64_t y, Color color, double coverage) {
  if (x < 0 || y < 0 || x >= image_.width || y >= image_.height) return;
  const double share = std::clamp(coverage * color.opacity, 0.0, 1.0);
  uint8_t* pixel = image_.pixels.data() + (y * image_.width + x) * 3;
  const std::array<uint8_t, 3> ink{color.red, color.green, color.blue};
  for (size_t c = 0; c < 3; ++c) {
    pixel[c] = static_cast<uint8_t>(std::lround(pixel[c] + share * (ink[c] - pixel[c])));
  }
}

void Canvas::fill(double left, double top, double right, double bottom, Color color) {
  for (int64_t y = floor_of(top); static_cast<double>(y) < bottom; ++y) {
    const double rows = overlap(y, top, bottom);
    for (int64_t x = floor_of(left); static_cast<double>(x) < right; ++x) {
      blend(x, y, color, rows * overlap(x, left, right));
    }
  }
}

void Canvas::frame(double left, double top, double right, double bottom, double thickness,
                   Color color) {
  fill(left, top, right, top + thickness, color);
  fill(left, bottom - thickness, right, bottom, color);
  fill(left, top + thickness, left + thickness, bottom - thickness, color);
  fill(right - thickness, top + thickness, right, bottom - thickness, color);
}

void Canvas::disc(double x, double y, double radius, Color color) {
  line(x, y, x, y, 2 * radius, color);
}

// A pixel's coverage is taken from the distance of its centre to the segment.
void Canvas::line(double x0, double y0, double x1, double y1, double thickness, Color color) {
  const double reach = thickness / 2 + 1;
  const double dx = x1 - x0;
  const double dy = y1 - y0;
  const double length = dx * dx + dy * dy;
  for (int64_t y = floor_of(std::min(y0, y1) - reach); y <= floor_of(std::max(y0, y1) + reach);
       ++y) {
    for (int64_t x = floor_of(std::min(x0, x1) - reach); x <= floor_of(std::max(x0, x1) + reach);
         ++x) {
      const double px = static_cast<double>(x) + 0.5 - x0;
      const double py = static_cast<double>(y) + 0.5 - y0;
      const double along = length > 0 ? std::clamp((px * dx + py * dy) / length, 0.0, 1.0) : 0.0;
      const double distance = std::hypot(px - along * dx, py - along * dy);
      const double coverage = std::clamp(thickness / 2 - distance + 0.5, 0.0, 1.0);
      if (coverage > 0) blend(x, y, color, coverage);
    }
  }
}

void Canvas::text(double x, double y, std::string_view text, Color color, int scale) {
  double left = std::round(x);
  const double top = std::round(y);
  for (const char c : text) {
    const bool printable = c >= ' ' && c <= '~';
    const std::string_view glyph = kFont[static_cast<size_t>((printable ? c : '?') - ' ')];
    for (int row = 0; row < kGlyphRows; ++row) {
      const int bits = row_bits(glyph[static_cast<size_t>(row)]);
      for (int column = 0; column < kGlyphColumns; ++column) {
        if ((bits >> (kGlyphColumns - 1 - column) & 1) == 0) continue;
        const double px = left + column * scale;
        const double py = top + row * scale;
        fill(px, py, px + scale, py + scale, color);
      }
    }
    left += kAdvance * scale;
  }
}

double text_width(std::string_view text, int scale) {
  return text.empty() ? 0.0 : static_cast<double>(text.size()) * kAdvance * scale - scale;
}

double text_height(int scale) {
  return 7.0 * scale;
}

}  // namespace allmodes::records

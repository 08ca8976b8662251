#pragma once

// A small raster canvas: antialiased shapes and a built-in bitmap font.

#include <cstdint>
#include <string_view>
#include <utility>

#include "records/image.h"

namespace allmodes::records {

struct Color {
  uint8_t red, green, blue;
  double opacity = 1.0;
};

// Coordinates are pixels from the top left corner; the centre of the first pixel is (0.5, 0.5).
// Whatever falls outside is cut off.
class Canvas {
 public:
  Canvas(int64_t width, int64_t height, Color background);

  void fill(double left, double top, double right, double bottom, Color color);
  void frame(double left, double top, double right, double bottom, double thickness, Color color);
  void disc(double x, double y, double radius, Color color);
  void line(double x0, double y0, double x1, double y1, double thickness, Color color);
  // Writes printable ASCII (others as '?'); (x, y) is the top left corner of the first letter.
  void text(double x, double y, std::string_view text, Color color, int scale = 2);

  // What was drawn; nothing is drawn afterwards.
  Image take() { return std::move(image_); }

 private:
  void blend(int64_t x, int64_t y, Color color, double coverage);
  Image image_;
};

// Width of a text in pixels, and the height of its capitals.
double text_width(std::string_view text, int scale = 2);
double text_height(int scale = 2);

}  // namespace allmodes::records

#include "records/image.h"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>

#include "base/durable_file.h"
#include "base/error.h"

namespace allmodes::records {
namespace {

constexpr int64_t kMargin = 2;
constexpr uint8_t kBackground = 24;

int64_t enlargement(int64_t side) {
  return side >= 48 ? 1 : side >= 24 ? 2 : 4;
}

uint8_t as_byte(float value) {
  return static_cast<uint8_t>(std::lround((std::clamp(value, -1.0F, 1.0F) + 1.0F) * 127.5F));
}

}  // namespace

void write_png(const std::filesystem::path& path, const Image& image) {
  ALLMODES_CHECK(
      image.width > 0 && image.height > 0 && (image.channels == 1 || image.channels == 3) &&
          image.pixels.size() == static_cast<size_t>(image.width * image.height * image.channels),
      "picture of {}x{}x{} with {} bytes", image.width, image.height, image.channels,
      image.pixels.size());
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(png);
  const auto encoded = std::make_unique_for_overwrite<char[]>(bytes);
  const int written =
      png_image_write_to_memory(&png, encoded.get(), &bytes, 0, image.pixels.data(), 0, nullptr);
  ALLMODES_CHECK(written != 0, "libpng could not encode '{}': {}", path.string(),
                 static_cast<const char*>(png.message));
  write_file_atomically(path, std::string_view(encoded.get(), bytes));
}

Image image_grid(const float* samples, int64_t count, int64_t channels, int64_t height,
                 int64_t width, int64_t columns) {
  ALLMODES_CHECK(count > 0 && height > 0 && width > 0 && columns >= 0, "{} pictures of {}x{}",
                 count, height, width);
  ALLMODES_CHECK(channels == 1 || channels == 3, "a picture has 1 or 3 channels, not {}", channels);
  if (columns == 0) {
    columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  }
  columns = std::min(columns, count);
  const int64_t rows = (count + columns - 1) / columns;
  const int64_t scale = enlargement(std::min(height, width));
  const int64_t plane = height * width;
  const bool finite = std::all_of(samples, samples + count * channels * plane,
                                  [](float value) { return std::isfinite(value); });
  Image grid{.width = columns * (width * scale + kMargin) + kMargin,
             .height = rows * (height * scale + kMargin) + kMargin,
             .channels = channels == 1 && finite ? 1 : 3,
             .pixels = {}};
  grid.pixels.assign(static_cast<size_t>(grid.width * grid.height * grid.channels), kBackground);
  for (int64_t i = 0; i < count; ++i) {
    const float* sample = samples + i * channels * plane;
    const int64_t left = kMargin + (i % columns) * (width * scale + kMargin);
    const int64_t top = kMargin + (i / columns) * (height * scale + kMargin);
    for (int64_t y = 0; y < height * scale; ++y) {
      uint8_t* out = grid.pixels.data() + ((top + y) * grid.width + left) * grid.channels;
      for (int64_t x = 0; x < width * scale; ++x) {
        const float* pixel = sample + (y / scale) * width + x / scale;
        bool good = true;
        for (int64_t c = 0; c < channels; ++c) good = good && std::isfinite(pixel[c * plane]);
        for (int64_t c = 0; c < grid.channels; ++c) {
          const uint8_t magenta = c == 1 ? 0 : 255;
          *out++ = good ? as_byte(pixel[(channels == 1 ? 0 : c) * plane]) : magenta;
        }
      }
    }
  }
  return grid;
}

}  // namespace allmodes::records

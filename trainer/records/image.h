#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace allmodes::records {

// 8-bit pixels, pixels[(y * width + x) * channels + c]; 1 (grey) or 3 (RGB) channels.
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  int64_t channels = 1;
  std::vector<uint8_t> pixels;
};

// Writes an 8-bit PNG atomically; throws kCannotCreate or kInputOutput.
void write_png(const std::filesystem::path& path, const Image& image);

// Lays `count` images out in rows, `columns` a row (0: as square as possible), with margins of 2
// pixels, in reading order. `samples` is [count][channels][height][width] in [-1, 1] (values
// outside are clamped; 1 or 3 channels); a pixel that is not finite is shown magenta. Images below
// 48 pixels are enlarged by pixel repetition: times 2 from 24, times 4 below.
Image image_grid(const float* samples, int64_t count, int64_t channels, int64_t height,
                 int64_t width, int64_t columns = 0);

}  // namespace allmodes::records

#include "data/formats/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"

namespace allmodes::data {
namespace {

constexpr int kWeightBits = 22;

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

// Half of the filter's width, in input pixels of an unscaled picture.
double support_of(Filter filter) {
  switch (filter) {
    case Filter::kBox:
      return 0.5;
    case Filter::kBilinear:
      return 1.0;
    case Filter::kBicubic:
      return 2.0;
    case Filter::kLanczos:
      return 3.0;
  }
  return 0.5;
}

double weight_at(Filter filter, double x) {
  constexpr double a = -0.5;  // of the cubic
  switch (filter) {
    case Filter::kBox:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter::kBilinear:
      return std::max(0.0, 1.0 - std::abs(x));
    case Filter::kBicubic:
      x = std::abs(x);
      if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
      if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
      return 0.0;
    case Filter::kLanczos:
      return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
  }
  return 0.0;
}

// Which input pixels make up each output pixel, along one side.
struct Weights {
  struct Run {
    int64_t first = 0;
    int64_t count = 0;
    size_t at = 0;  // of its first weight
  };
  std::vector<Run> runs;
  std::vector<int32_t> values;  // of sum 2^22, up to rounding
};

Weights weights_of(int64_t from, int64_t to, Filter filter) {
  Weights weights;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0);
  const double support = support_of(filter) * stretch;
  const double step = 1.0 / stretch;
  std::vector<double> exact;
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first =
        std::max<int64_t>(0, static_cast<int64_t>(static_cast<int>(center - support + 0.5)));
    const int64_t end =
        std::min(from, static_cast<int64_t>(static_cast<int>(center + support + 0.5)));
    exact.clear();
    double sum = 0;
    for (int64_t j = first; j < end; ++j) {
      exact.push_back(weight_at(filter, (static_cast<double>(j) - center + 0.5) * step));
      sum += exact.back();
    }
    weights.runs.push_back({.first = first, .count = end - first, .at = weights.values.size()});
    for (double w : exact) {
      if (sum != 0.0) w /= sum;
      w *= static_cast<double>(1 << kWeightBits);
      weights.values.push_back(static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5));
    }
  }
  return weights;
}

uint8_t to_byte_rounded(int32_t sum) {
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

template <int kChannels>
void resize_row(const uint8_t* in, const Weights& weights, uint8_t* out) {
  for (const Weights::Run& run : weights.runs) {
    const int32_t* w = &weights.values[run.at];
    const uint8_t* p = in + run.first * kChannels;
    int32_t sums[kChannels];
    std::fill_n(sums, kChannels, kHalf);
    for (int64_t j = 0; j < run.count; ++j)
      for (int c = 0; c < kChannels; ++c) sums[c] += w[j] * p[j * kChannels + c];
    for (int c = 0; c < kChannels; ++c) *out++ = to_byte_rounded(sums[c]);
  }
}

Picture shape_like(const Picture& picture, int64_t height, int64_t width) {
  Picture out{.height = height,
              .width = width,
              .channels = picture.channels,
              .pixels = {},
              .warnings = picture.warnings,
              .first_warning = picture.first_warning};
  out.pixels.resize(static_cast<size_t>(height * width * picture.channels));
  return out;
}

// Only the rows [first, end) are made, which are those that the columns will ask for.
Picture resize_rows(const Picture& picture, int64_t width, Filter filter, int64_t first,
                    int64_t end) {
  const Weights weights = weights_of(picture.width, width, filter);
  Picture out = shape_like(picture, picture.height, width);
  const auto row = picture.channels == 1 ? resize_row<1> : resize_row<3>;
  for (int64_t y = first; y < end; ++y)
    row(&picture.pixels[static_cast<size_t>(y * picture.width * picture.channels)], weights,
        &out.pixels[static_cast<size_t>(y * width * picture.channels)]);
  return out;
}

Picture resize_columns(const Picture& picture, const Weights& weights) {
  Picture out = shape_like(picture, std::ssize(weights.runs), picture.width);
  const int64_t row = picture.width * picture.channels;
  std::vector<int32_t> sums(static_cast<size_t>(row));
  uint8_t* target = out.pixels.data();
  for (const Weights::Run& run : weights.runs) {
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int64_t j = 0; j < run.count; ++j) {
      const int32_t w = weights.values[run.at + static_cast<size_t>(j)];
      const uint8_t* in = &picture.pixels[static_cast<size_t>((run.first + j) * row)];
      for (int64_t x = 0; x < row; ++x) sums[static_cast<size_t>(x)] += w * in[x];
    }
    for (const int32_t sum : sums) *target++ = to_byte_rounded(sum);
  }
  return out;
}

}  // namespace

Picture resized(const Picture& picture, int64_t height, int64_t width, Filter filter) {
  ALLMODES_CHECK(height >= 1 && width >= 1 && (picture.channels == 1 || picture.channels == 3),
                 "{} x {} pixels of {} channels", height, width, picture.channels);
  if (height == picture.height && width == picture.width) return picture;
  if (height == picture.height) return resize_rows(picture, width, filter, 0, height);
  const Weights columns = weights_of(picture.height, height, filter);
  if (width == picture.width) return resize_columns(picture, columns);
  const int64_t first = columns.runs.front().first;
  const int64_t end = columns.runs.back().first + columns.runs.back().count;
  return resize_columns(resize_rows(picture, width, filter, first, end), columns);
}

Picture cropped(const Picture& picture, int64_t top, int64_t left, int64_t height, int64_t width) {
  ALLMODES_CHECK(top >= 0 && left >= 0 && height >= 1 && width >= 1 &&
                     top + height <= picture.height && left + width <= picture.width,
                 "{} x {} pixels from ({}, {}) of {} x {}", height, width, top, left,
                 picture.height, picture.width);
  Picture out = shape_like(picture, height, width);
  const int64_t row = width * picture.channels;
  for (int64_t y = 0; y < height; ++y)
    std::copy_n(
        &picture.pixels[static_cast<size_t>(((top + y) * picture.width + left) * picture.channels)],
        row, &out.pixels[static_cast<size_t>(y * row)]);
  return out;
}

Picture center_square(const Picture& picture, int64_t size, Filter filter) {
  const int64_t side = std::min(picture.height, picture.width);
  return resized(
      cropped(picture, (picture.height - side) / 2, (picture.width - side) / 2, side, side), size,
      size, filter);
}

Picture adm_square(Picture picture, int64_t size) {
  while (std::min(picture.height, picture.width) >= 2 * size)
    picture = resized(picture, picture.height / 2, picture.width / 2, Filter::kBox);
  const double scale =
      static_cast<double>(size) / static_cast<double>(std::min(picture.height, picture.width));
  // Halves go to the even number, as in Python.
  const auto scaled = [&](int64_t side) {
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(side) * scale));
  };
  picture = resized(picture, scaled(picture.height), scaled(picture.width), Filter::kBicubic);
  return cropped(picture, (picture.height - size) / 2, (picture.width - size) / 2, size, size);
}

}  // namespace allmodes::data

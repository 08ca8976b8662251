#include "data/formats/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"

namespace allmodes::data {
namespace {

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

// So many weights are remembered, 32 MiB. From 500 to 64 pixels there are some 4,000.
constexpr size_t kMostKnownWeights = 4U << 20;

// Of one output pixel: input pixels from `first` on, whose weights add up to 1.
struct ExactRun {
  int64_t first = 0;
  std::vector<double> weights;
};

std::vector<ExactRun> exact_weights(int64_t from, int64_t to, Filter filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(scale, 1.0);
  const double support = support_of(filter) * stretch;
  const double step = 1.0 / stretch;
  std::vector<ExactRun> runs;
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    ExactRun run{
        std::max<int64_t>(0, static_cast<int64_t>(static_cast<int>(center - support + 0.5))), {}};
    const int64_t end =
        std::min(from, static_cast<int64_t>(static_cast<int>(center + support + 0.5)));
    double sum = 0;
    for (int64_t j = run.first; j < end; ++j) {
      run.weights.push_back(weight_at(filter, (static_cast<double>(j) - center + 0.5) * step));
      sum += run.weights.back();
    }
    if (sum != 0.0)
      for (double& w : run.weights) w /= sum;
    runs.push_back(std::move(run));
  }
  return runs;
}

Weights weights_of(int64_t from, int64_t to, Filter filter) {
  Weights weights;
  for (const ExactRun& run : exact_weights(from, to, filter)) {
    const size_t at = weights.values.size();
    weights.runs.push_back(
        {.first = run.first, .count = static_cast<int64_t>(run.weights.size()), .at = at});
    for (double w : run.weights) {
      w *= static_cast<double>(1 << kWeightBits);
      weights.values.push_back(static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5));
    }
    weights.values.resize((weights.values.size() + kRunStep - 1) / kRunStep * kRunStep, 0);
  }
  for (const int32_t w : weights.values) {
    weights.high.push_back(static_cast<int16_t>(w >> kLowBits));
    weights.low.push_back(static_cast<int16_t>(w & ((1 << kLowBits) - 1)));
  }
  return weights;
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

void check_part(const Picture& picture, int64_t top, int64_t left, int64_t height, int64_t width) {
  ALLMODES_CHECK(top >= 0 && left >= 0 && height >= 1 && width >= 1 &&
                     top + height <= picture.height && left + width <= picture.width,
                 "{} x {} pixels from ({}, {}) of {} x {}", height, width, top, left,
                 picture.height, picture.width);
}

ByteRows rows_of(const Picture& picture, int64_t top, int64_t left, int64_t height, int64_t width) {
  const int64_t pitch = picture.width * picture.channels;
  return {.data = picture.pixels.data() + top * pitch + left * picture.channels,
          .rows = height,
          .width = width,
          .channels = picture.channels,
          .pitch = pitch,
          .end = picture.pixels.data() + picture.pixels.size()};
}

}  // namespace

std::shared_ptr<const Weights> Resizer::weights(int64_t from, int64_t to, Filter filter) const {
  const auto key = std::tuple(from, to, filter);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
  }
  auto made = std::make_shared<const Weights>(weights_of(from, to, filter));
  const std::lock_guard lock(mutex_);
  if (known_weights_ + made->values.size() > kMostKnownWeights) {
    known_.clear();
    known_weights_ = 0;
  }
  if (known_.emplace(key, made).second) known_weights_ += made->values.size();
  return made;
}

Picture Resizer::resized_part(const Picture& picture, int64_t top, int64_t left,
                              int64_t part_height, int64_t part_width, int64_t height,
                              int64_t width, Filter filter) const {
  ALLMODES_CHECK(height >= 1 && width >= 1 && (picture.channels == 1 || picture.channels == 3),
                 "{} x {} pixels of {} channels", height, width, picture.channels);
  check_part(picture, top, left, part_height, part_width);
  if (height == part_height && width == part_width)
    return cropped(picture, top, left, height, width);
  Picture out = shape_like(picture, height, width);
  ByteRows rows = rows_of(picture, top, left, part_height, part_width);
  if (height == part_height) {
    resize_rows(rows, *weights(part_width, width, filter), out.pixels.data(), set_);
    return out;
  }
  const auto columns = weights(part_height, height, filter);
  if (width == part_width) {
    resize_columns(rows, *columns, out.pixels.data(), set_);
    return out;
  }
  const auto across = weights(part_width, width, filter);
  std::vector<uint8_t> between(static_cast<size_t>(part_height * width * picture.channels));
  resize_rows(rows, *across, between.data(), set_);
  resize_columns({.data = between.data(),
                  .rows = part_height,
                  .width = width,
                  .channels = picture.channels,
                  .pitch = width * picture.channels,
                  .end = between.data() + between.size()},
                 *columns, out.pixels.data(), set_);
  return out;
}

Picture Resizer::resized(const Picture& picture, int64_t height, int64_t width,
                         Filter filter) const {
  return resized_part(picture, 0, 0, picture.height, picture.width, height, width, filter);
}

std::vector<float> resized_plane(std::span<const float> plane, int64_t height, int64_t width,
                                 int64_t to_height, int64_t to_width, Filter filter) {
  ALLMODES_CHECK(
      std::min({height, width, to_height, to_width}) >= 1 && std::ssize(plane) == height * width,
      "{} numbers for {} x {} pixels", plane.size(), height, width);
  std::vector<float> across(plane.begin(), plane.end());
  if (width != to_width) {
    across.clear();
    const auto runs = exact_weights(width, to_width, filter);
    for (int64_t y = 0; y < height; ++y) {
      for (const ExactRun& run : runs) {
        const auto from = plane.subspan(static_cast<size_t>(y * width + run.first));
        double sum = 0;
        for (size_t k = 0; k < run.weights.size(); ++k) sum += from[k] * run.weights[k];
        across.push_back(static_cast<float>(sum));
      }
    }
  }
  if (height == to_height) return across;
  std::vector<float> out;
  const auto runs = exact_weights(height, to_height, filter);
  for (const ExactRun& run : runs) {
    for (int64_t x = 0; x < to_width; ++x) {
      double sum = 0;
      for (size_t k = 0; k < run.weights.size(); ++k)
        sum += across[static_cast<size_t>((run.first + static_cast<int64_t>(k)) * to_width + x)] *
               run.weights[k];
      out.push_back(static_cast<float>(sum));
    }
  }
  return out;
}

Picture cropped(const Picture& picture, int64_t top, int64_t left, int64_t height, int64_t width) {
  check_part(picture, top, left, height, width);
  Picture out = shape_like(picture, height, width);
  const ByteRows from = rows_of(picture, top, left, height, width);
  const int64_t row = width * picture.channels;
  for (int64_t y = 0; y < height; ++y)
    std::copy_n(from.data + y * from.pitch, row, &out.pixels[static_cast<size_t>(y * row)]);
  return out;
}

Picture Resizer::center_square(const Picture& picture, int64_t size, Filter filter) const {
  const int64_t side = std::min(picture.height, picture.width);
  return resized_part(picture, (picture.height - side) / 2, (picture.width - side) / 2, side, side,
                      size, size, filter);
}

Picture Resizer::adm_square(Picture picture, int64_t size) const {
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

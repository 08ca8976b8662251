#include "data/pixels.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "base/error.h"
#include "data/input_file.h"

namespace allmodes::data {
namespace {

// Weights of the source pixels that target pixel i of `to` covers, out of `from` >= to.
struct Cover {
  int64_t first;
  std::vector<float> weights;  // sum 1
};

std::vector<Cover> covers(int64_t from, int64_t to) {
  std::vector<Cover> result;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (int64_t i = 0; i < to; ++i) {
    const double begin = static_cast<double>(i) * scale;
    const double end = static_cast<double>(i + 1) * scale;
    Cover cover{.first = static_cast<int64_t>(begin), .weights = {}};
    for (int64_t j = cover.first; j < from && static_cast<double>(j) < end; ++j) {
      const double part =
          std::min(end, static_cast<double>(j + 1)) - std::max(begin, static_cast<double>(j));
      cover.weights.push_back(static_cast<float>(part / scale));
    }
    result.push_back(std::move(cover));
  }
  return result;
}

template <class T>
T from_float(float x) {
  if constexpr (std::is_same_v<T, uint8_t>)
    return static_cast<uint8_t>(std::lround(std::clamp(x, 0.0f, 255.0f)));
  else
    return x;
}

// One channel of height x width, pixels `stride` apart, averaged to `rows` x `columns` at out,
// whose rows are `pitch` apart.
template <class T>
void average_plane(const T* in, int64_t width, int64_t stride, const std::vector<Cover>& rows,
                   const std::vector<Cover>& columns, T* out, int64_t pitch) {
  for (const Cover& row : rows) {
    for (size_t x = 0; x < columns.size(); ++x) {
      float sum = 0;
      for (size_t i = 0; i < row.weights.size(); ++i) {
        const T* line = in + (row.first + static_cast<int64_t>(i)) * width * stride;
        float part = 0;
        for (size_t j = 0; j < columns[x].weights.size(); ++j)
          part += columns[x].weights[j] *
                  static_cast<float>(line[(columns[x].first + static_cast<int64_t>(j)) * stride]);
        sum += row.weights[i] * part;
      }
      out[x] = from_float<T>(sum);
    }
    out += pitch;
  }
}

bool is_channels(uint64_t n) {
  return n >= 1 && n <= 4;
}
bool is_side(uint64_t n) {
  return n >= 1 && n <= static_cast<uint64_t>(kMostPixelsASide);
}

}  // namespace

std::optional<Layout> layout_of(const std::vector<uint64_t>& dimensions) {
  const auto& d = dimensions;
  const auto layout = [](uint64_t channels, uint64_t height, uint64_t width, bool image,
                         bool channels_last) {
    return Layout{.shape = {.channels = static_cast<int64_t>(channels),
                            .height = static_cast<int64_t>(height),
                            .width = static_cast<int64_t>(width),
                            .image = image},
                  .channels_last = channels_last};
  };
  if (d.size() < 2 || d[0] < 1 || d[0] > (uint64_t{1} << 47)) return std::nullopt;
  if (d.size() == 2 && d[1] >= 1 && d[1] <= (uint64_t{1} << 31))
    return layout(d[1], 1, 1, false, false);
  if (d.size() == 3 && is_side(d[1]) && is_side(d[2])) return layout(1, d[1], d[2], true, false);
  if (d.size() == 4 && is_side(d[1]) && is_side(d[2]) && is_channels(d[3]))
    return layout(d[3], d[1], d[2], true, true);
  if (d.size() == 4 && is_channels(d[1]) && is_side(d[2]) && is_side(d[3]))
    return layout(d[1], d[2], d[3], true, false);
  return std::nullopt;
}

std::string bracketed(const std::vector<uint64_t>& dimensions) {
  std::string text;
  for (const uint64_t n : dimensions) text += (text.empty() ? "[" : ", ") + std::to_string(n);
  return text.empty() ? "[]" : text + "]";
}

SampleShape resized_shape(const SampleShape& shape, int64_t image_size) {
  if (image_size == 0) return shape;
  if (!shape.image)
    ALLMODES_FAIL(
        ExitCode::kConfiguration,
        "data.image_size: the data set holds points in {} dimensions, not images; leave it "
        "out",
        shape.values());
  if (image_size < 1 || image_size > kMostPixelsASide)
    ALLMODES_FAIL(ExitCode::kConfiguration, "data.image_size: {} was given, 0 to {} is possible",
                  image_size, kMostPixelsASide);
  return {.channels = shape.channels, .height = image_size, .width = image_size, .image = true};
}

bool is_prepared(const Layout& from, const SampleShape& to) {
  return from.shape == to && (!from.channels_last || to.channels == 1);
}

std::pair<int64_t, int64_t> padded_size(int64_t height, int64_t width, int64_t size) {
  const int64_t longer = std::max(height, width);
  if (longer <= size) return {height, width};
  const auto shrink = [&](int64_t side) {
    return std::max<int64_t>(1, (side * size + longer / 2) / longer);
  };
  return {shrink(height), shrink(width)};
}

template <class T>
void prepare_sample(const T* in, const Layout& from, const SampleShape& to, T black, T* out) {
  const SampleShape& s = from.shape;
  // Without data.image_size both shapes are the same.
  const auto [height, width] = s.height > to.height || s.width > to.width
                                   ? padded_size(s.height, s.width, to.width)
                                   : std::pair{s.height, s.width};
  const int64_t channels = s.channels;
  const int64_t stride = from.channels_last ? channels : 1;
  const int64_t plane = from.channels_last ? 1 : s.height * s.width;
  std::fill(out, out + to.values(), black);
  const bool averaged = height != s.height || width != s.width;
  const auto rows = averaged ? covers(s.height, height) : std::vector<Cover>{};
  const auto columns = averaged ? covers(s.width, width) : std::vector<Cover>{};
  const int64_t corner = (to.height - height) / 2 * to.width + (to.width - width) / 2;
  for (int64_t c = 0; c < channels; ++c) {
    T* target = out + c * to.height * to.width + corner;
    const T* source = in + c * plane;
    if (!averaged) {
      for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x)
          target[y * to.width + x] = source[(y * width + x) * stride];
    } else {
      average_plane(source, s.width, stride, rows, columns, target, to.width);
    }
  }
}

template <class T>
std::vector<T> prepare_samples(std::vector<T> in, const Layout& from, const SampleShape& to,
                               T black) {
  if (is_prepared(from, to)) return in;
  const auto samples = static_cast<int64_t>(in.size()) / from.shape.values();
  std::vector<T> out(static_cast<size_t>(samples * to.values()));
  for (int64_t i = 0; i < samples; ++i)
    prepare_sample(in.data() + i * from.shape.values(), from, to, black,
                   out.data() + i * to.values());
  return out;
}

template void prepare_sample(const uint8_t*, const Layout&, const SampleShape&, uint8_t, uint8_t*);
template void prepare_sample(const float*, const Layout&, const SampleShape&, float, float*);
template std::vector<uint8_t> prepare_samples(std::vector<uint8_t>, const Layout&,
                                              const SampleShape&, uint8_t);
template std::vector<float> prepare_samples(std::vector<float>, const Layout&, const SampleShape&,
                                            float);

}  // namespace allmodes::data

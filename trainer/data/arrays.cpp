#include "data/arrays.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/field_error.h"
#include "data/array_dataset.h"
#include "data/formats/array_file.h"
#include "data/labels.h"
#include "data/mapped_dataset.h"
#include "data/paths.h"
#include "data/pixels.h"
#include "data/registry.h"

namespace allmodes::data {
namespace {

// Values of [0, 1] that are bytes / 255 are this near to whole numbers when multiplied by 255, even
// in half precision.
constexpr float kNearWhole = 0.07F;

struct ValueSpan {
  float low = 0;
  float high = 0;
  bool whole = true;  // whole numbers
  bool bytes_over_255 = true;
};

ValueSpan span_of(const std::vector<float>& values) {
  ValueSpan span{.low = values.front(), .high = values.front()};
  for (const float value : values) {
    span.low = std::min(span.low, value);
    span.high = std::max(span.high, value);
    span.whole = span.whole && std::nearbyint(value) == value;
    span.bytes_over_255 =
        span.bytes_over_255 && std::abs(value * 255 - std::nearbyint(value * 255)) < kNearWhole;
  }
  return span;
}

enum class Meaning { kSigned, kUnit, kBytes, kUnclear };

Meaning meaning_of(const ValueSpan& span, const std::string& wanted) {
  const bool in_signed = span.low >= -1 && span.high <= 1;
  const bool in_bytes = span.low >= 0 && span.high <= 255;
  if (wanted == "signed") return in_signed ? Meaning::kSigned : Meaning::kUnclear;
  if (wanted == "unit") return span.low >= 0 && span.high <= 1 ? Meaning::kUnit : Meaning::kUnclear;
  if (wanted == "bytes") return in_bytes ? Meaning::kBytes : Meaning::kUnclear;
  if (in_signed)
    return span.low >= 0 && span.low <= 0.05F && span.high >= 0.9F ? Meaning::kUnit
                                                                   : Meaning::kSigned;
  return in_bytes && span.whole ? Meaning::kBytes : Meaning::kUnclear;
}

[[noreturn]] void refuse_span(const std::string& path, const ValueSpan& span,
                              const std::string& wanted) {
  const std::string found =
      fmt::format("{}: its numbers lie from {:.4g} to {:.4g}", path, span.low, span.high);
  if (wanted != "auto")
    ALLMODES_FAIL(ExitCode::kDataError, "{}; data.range: \"{}\" was expected", found, wanted);
  const bool like_bytes = span.low >= 0 && span.high <= 255;
  ALLMODES_FAIL(
      ExitCode::kDataError,
      "{}; images are bytes, or in [0, 1] or [-1, 1]. {}. If these are no images, set data.layout: "
      "\"points\"",
      found,
      like_bytes ? "If they are 0..255 but not rounded, divide by 127.5 and subtract 1 (or set "
                   "data.range: \"bytes\")"
                 : "If each channel was standardized, undo it: x * deviation + mean");
}

class Reader {
 public:
  explicit Reader(const config::Data& data) : data_(data), array_(open_array(data.path)) {}

  std::unique_ptr<Dataset> read() {
    if (array_.type.text()) array_.file.fail(10, "it holds texts; numbers were expected");
    const Layout layout = decide_layout();
    if (data_.memory_map) return mapped(layout);
    // Turning Fortran order round takes a second array.
    const uint64_t width = (array_.type.byte() ? 1 : sizeof(float)) * (array_.fortran ? 2 : 1);
    require_memory(samples(), static_cast<uint64_t>(layout.shape.values()) * width, data_.path);
    if (array_.type.byte()) return bytes(read_byte_array(array_), layout);
    const uint64_t start = array_.file.offset();
    std::vector<float> values = read_float_array(array_);
    require_finite(values, start);
    return layout.shape.image ? images(std::move(values), layout)
                              : points(std::move(values), layout);
  }

 private:
  uint64_t samples() const { return array_.shape[0]; }

  Layout as_points() const {
    return {.shape = {.channels = static_cast<int64_t>(array_.values() / samples())}};
  }

  Layout decide_layout() {
    const auto& shape = array_.shape;
    if (shape.size() < 2)
      array_.file.fail(10, fmt::format("the shape {}; the first dimension counts samples, and at "
                                       "least one more was expected{}",
                                       bracketed(shape),
                                       shape.size() == 1 ? " (samples of one number: save "
                                                           "x.reshape(-1, 1); one sample: "
                                                           "x.reshape(1, -1))"
                                                         : ""));
    const auto layout = layout_of(shape);
    if (data_.layout == "images" && (!layout || !layout->shape.image))
      ALLMODES_FAIL(
          ExitCode::kConfiguration,
          "data.layout: \"images\": {} is {}; [N, H, W], [N, H, W, C] or [N, C, H, W] with "
          "1 to 4 channels and sides up to {} were expected",
          data_.path, bracketed(shape), kMostPixelsASide);
    if (data_.layout == "points" || !layout) {
      remark_on_points();
      return as_points();
    }
    return *layout;
  }

  void remark_on_points() {
    if (array_.shape.size() <= 2) return;
    facts_.dimensions.assign(array_.shape.begin() + 1, array_.shape.end());
    facts_.remarks.push_back(fmt::format("{} is read as {} points of {} numbers",
                                         bracketed(array_.shape), samples(),
                                         array_.values() / samples()));
  }

  void require_finite(const std::vector<float>& values, uint64_t start) {
    const auto bad = [](float value) { return !std::isfinite(value); };
    const auto first = std::ranges::find_if(values, bad);
    if (first == values.end()) return;
    const auto width = static_cast<int64_t>(array_.values() / samples());
    int64_t count = 0;
    for (auto sample = values.begin(); sample != values.end(); sample += width)
      count += std::any_of(sample, sample + width, bad) ? 1 : 0;
    const int64_t index = first - values.begin();
    // In Fortran order neighbours in a sample lie apart.
    const std::string place =
        array_.fortran ? array_.file.path()
                       : fmt::format("{}, byte {}", array_.file.path(),
                                     start + static_cast<uint64_t>(index) * array_.type.bytes);
    throw NonFinite(data_.path,
                    fmt::format("{}: the value {}; {} of {} samples are not finite (the first: "
                                "sample {})",
                                place, *first, count, samples(), index / width),
                    count, static_cast<int64_t>(samples()), index / width);
  }

  Labels labels() const {
    if (data_.labels.empty()) return {};
    return of_field("labels",
                    [this] { return read_labels(data_.labels, static_cast<int64_t>(samples())); });
  }

  template <class T>
  std::unique_ptr<Dataset> finish(std::vector<T> values, const Layout& layout, T black) {
    const SampleShape shape = resized_shape(layout.shape, data_.image_size);
    return make_array_dataset(data_.path, shape,
                              prepare_samples(std::move(values), layout, shape, black), labels(),
                              std::nullopt, std::move(facts_));
  }

  std::unique_ptr<Dataset> bytes(std::vector<uint8_t> values, const Layout& layout) {
    return finish(std::move(values), layout, uint8_t{0});
  }

  std::unique_ptr<Dataset> points(std::vector<float> values, const Layout& layout) {
    return finish(std::move(values), layout, -1.0F);
  }

  std::unique_ptr<Dataset> images(std::vector<float> values, const Layout& layout) {
    const ValueSpan span = span_of(values);
    Meaning meaning = meaning_of(span, data_.range);
    // Rows of a time series look like rows of pixels.
    const bool perhaps_sequences =
        array_.shape.size() == 3 && data_.layout == "auto" && data_.range == "auto";
    const bool dark = meaning == Meaning::kBytes && span.high < 128;
    if (perhaps_sequences && (meaning == Meaning::kUnclear || dark) && data_.image_size == 0) {
      remark_on_points();
      return points(std::move(values), as_points());
    }
    if (meaning == Meaning::kUnclear) refuse_span(data_.path, span, data_.range);
    if (perhaps_sequences)
      facts_.remarks.push_back(
          fmt::format("{} is read as grey images {} x {}; if these are sequences, set data.layout: "
                      "\"points\"",
                      bracketed(array_.shape), layout.shape.height, layout.shape.width));
    remark_on(meaning, span);
    if (meaning == Meaning::kSigned) return finish(std::move(values), layout, -1.0F);
    const bool whole = meaning == Meaning::kBytes ? span.whole : span.bytes_over_255;
    const float scale = meaning == Meaning::kBytes ? 1.0F : 255.0F;
    if (whole) {
      std::vector<uint8_t> exact(values.size());
      for (size_t i = 0; i < values.size(); ++i)
        exact[i] = static_cast<uint8_t>(std::nearbyint(values[i] * scale));
      return bytes(std::move(exact), layout);
    }
    for (float& value : values) value = (value * scale - kByteCentre) * kByteScale;
    return finish(std::move(values), layout, -1.0F);
  }

  void remark_on(Meaning meaning, const ValueSpan& span) {
    if (meaning == Meaning::kUnit)
      facts_.remarks.push_back("its numbers are in [0, 1]; they are read as 2 x - 1");
    else if (meaning == Meaning::kBytes)
      facts_.remarks.push_back("its numbers are 0..255; they are read as bytes");
    else if (span.low >= 0 && span.high > span.low)
      facts_.remarks.push_back(
          fmt::format("its smallest number is {:.3g} and its largest {:.3g}: it is read as in [-1, "
                      "1] without a dark pixel; if it is in [0, 1], set data.range: \"unit\"",
                      span.low, span.high));
  }

  std::unique_ptr<Dataset> mapped(const Layout& layout) {
    const bool bytes = array_.type.byte();
    if ((!bytes && !array_.type.single()) || array_.fortran)
      ALLMODES_FAIL(
          ExitCode::kConfiguration,
          "data.memory_map: {} holds '{}'{}; uint8 ('|u1') and float32 ('<f4') in C order can be "
          "read in place: convert it, or leave data.memory_map out",
          array_.file.path(), array_.type_name, array_.fortran ? " in Fortran order" : "");
    const uint64_t width = bytes ? 1 : sizeof(float);
    const auto values = static_cast<uint64_t>(layout.shape.values());
    array_.file.expect_mappable(samples() * values, width, array_.what());
    std::vector<MappedSamples> parts;
    parts.push_back({.file = MappedFile(data_.path),
                     .offset = array_.file.offset(),
                     .stride = values * width,
                     .count = static_cast<int64_t>(samples())});
    const auto make = bytes ? make_mapped_dataset<uint8_t> : make_mapped_dataset<float>;
    return make(data_.path, std::move(parts), layout, resized_shape(layout.shape, data_.image_size),
                labels(), std::move(facts_), std::nullopt);
  }

  const config::Data& data_;
  ArrayFile array_;
  StoredFacts facts_;
};

}  // namespace

bool NonFinite::of(const std::string& path) const {
  return expanded_path(path) == path_;
}

std::unique_ptr<Dataset> read_arrays(const config::Data& data) {
  return Reader(data).read();
}

namespace {

constexpr std::string_view kArraysFields[] = {"path",       "labels", "image_size",
                                              "memory_map", "range",  "layout"};

}  // namespace

extern const DatasetRow kNpyDataset{
    .name = "npy",
    .summary = "points or images (and labels) in arrays: .npy, .npz, safetensors",
    .fields = kArraysFields,
    .held_out = false,
    .build = [](const config::Data& d, uint64_t, Split) {
      needed_path(d);
      return read_arrays(d);
    }};

}  // namespace allmodes::data

#include "data/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "data/array_dataset.h"
#include "data/idx.h"
#include "data/mapped_dataset.h"
#include "data/pixels.h"

namespace allmodes::data {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kMostHeaderBytes = 1U << 20;
constexpr size_t kMostDimensions = 32;

class DictionaryParser {
 public:
  DictionaryParser(const InputFile& file, std::string_view text, uint64_t offset)
      : file_(file), text_(text), offset_(offset) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false;
    bool order = false;
    bool shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !std::exchange(descr, true)) {
        header.descr = string();
      } else if (key == "fortran_order" && !std::exchange(order, true)) {
        header.fortran_order = boolean();
      } else if (key == "shape" && !std::exchange(shape, true)) {
        header.shape = tuple();
      } else {
        fail(fmt::format("the key '{}' was not expected", key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!descr || !order || !shape) fail("the keys descr, fortran_order and shape were expected");
    skip_space();
    if (at_ != text_.size()) fail("the header was expected to end");
    return header;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(fmt::format("'{}' was expected", c));
  }

  std::string string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') fail("a quoted string was expected (records are not read)");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("the string does not end");
    if (end - at_ > 64) fail("the string is too long");
    const std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }

  bool boolean() {
    skip_space();
    for (const auto& [word, value] :
         {std::pair{std::string_view("True"), true}, std::pair{std::string_view("False"), false}})
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    fail("True or False was expected");
  }

  std::vector<uint64_t> tuple() {
    std::vector<uint64_t> values;
    expect('(');
    while (!accept(')')) {
      if (values.size() == kMostDimensions) fail("too many dimensions");
      values.push_back(number());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return values;
  }

  uint64_t number() {
    skip_space();
    const size_t start = at_;
    uint64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(value, uint64_t{10}, &value) ||
          __builtin_add_overflow(value, static_cast<uint64_t>(text_[at_] - '0'), &value))
        fail("the dimension overflows");
    if (at_ == start) fail("a dimension was expected");
    return value;
  }

  [[noreturn]] void fail(const std::string& message) const {
    file_.fail(offset_ + at_, "npy header: " + message);
  }

  const InputFile& file_;
  std::string_view text_;
  uint64_t offset_;
  size_t at_ = 0;
};

template <class T>
void append_integers(InputFile& file, uint64_t count, std::vector<int64_t>& out) {
  for (const T value : file.read_array<T>(count, "the labels")) {
    // Only uint64 can leave the range, and then no label is meant.
    out.push_back(std::in_range<int64_t>(value) ? static_cast<int64_t>(value) : -1);
  }
}

// Reads `count` values of type T, checks them and converts to float.
template <class T>
std::vector<float> read_floats(InputFile& file, uint64_t count, bool image,
                               const std::string& what) {
  const uint64_t start = file.offset();
  std::vector<float> out;
  const auto check = [&](double x, uint64_t i) {
    if (const auto message = misfit(x, image)) file.fail(start + i * sizeof(T), *message);
  };
  if constexpr (std::is_same_v<T, float>) {
    out = file.read_array<float>(count, what);
    for (uint64_t i = 0; i < count; ++i) check(out[i], i);
  } else {
    const std::vector<T> wide = file.read_array<T>(count, what);
    out.resize(count);
    for (uint64_t i = 0; i < count; ++i) {
      out[i] = static_cast<float>(wide[i]);
      check(std::isfinite(out[i]) ? wide[i] : static_cast<double>(out[i]), i);
    }
  }
  return out;
}

// `file` stands at the first value.
std::unique_ptr<Dataset> map_npy(const InputFile& file, const NpyHeader& header,
                                 const Layout& layout, const SampleShape& shape,
                                 const std::string& what, Labels labels) {
  const bool bytes = header.descr == "|u1";
  if (!bytes && header.descr != "<f4")
    ALLMODES_FAIL(
        ExitCode::kConfiguration,
        "data.memory_map: {} holds '{}'; uint8 ('|u1') and float32 ('<f4') can be read in "
        "place: convert it, or leave data.memory_map out",
        file.path(), header.descr);
  const uint64_t width = bytes ? 1 : sizeof(float);
  const auto values = static_cast<uint64_t>(layout.shape.values());
  file.expect_mappable(header.shape[0] * values, width, what);
  std::vector<MappedSamples> parts;
  parts.push_back({.file = MappedFile(file.path()),
                   .offset = file.offset(),
                   .stride = values * width,
                   .count = static_cast<int64_t>(header.shape[0])});
  const auto make = bytes ? make_mapped_dataset<uint8_t> : make_mapped_dataset<float>;
  return make(file.path(), std::move(parts), layout, shape, std::move(labels));
}

}  // namespace

NpyHeader parse_npy_dictionary(const InputFile& file, const std::string& text, uint64_t offset) {
  return DictionaryParser(file, text, offset).parse();
}

NpyHeader read_npy_header(InputFile& file) {
  std::array<uint8_t, 8> magic{};
  file.read(magic.data(), magic.size(), "the npy magic string and version");
  if (std::memcmp(magic.data(), "\x93NUMPY", 6) != 0)
    file.fail(0, "not an npy file: it does not begin with \\x93NUMPY");
  if (magic[6] < 1 || magic[6] > 3)
    file.fail(6, fmt::format("npy format {}.{}; 1.0, 2.0 or 3.0 was expected", magic[6], magic[7]));
  const uint64_t length_offset = file.offset();
  std::array<uint8_t, 4> length_bytes{};
  file.read(length_bytes.data(), magic[6] == 1 ? 2 : 4, "the header's length");
  const uint64_t length = std::bit_cast<uint32_t>(length_bytes);
  if (length > kMostHeaderBytes)
    file.fail(length_offset, fmt::format("a header of {} bytes; at most {} were expected", length,
                                         kMostHeaderBytes));
  const uint64_t start = file.offset();
  std::string text(length, '\0');
  file.read(text.data(), length, "the header");
  NpyHeader header = parse_npy_dictionary(file, text, start);
  if (header.fortran_order && header.shape.size() > 1)
    file.fail(start, "the array is in Fortran order; save it with numpy.ascontiguousarray");
  const auto values = product(header.shape);
  if (!values || *values == 0)
    file.fail(start, fmt::format("the shape {} is {}", bracketed(header.shape),
                                 values ? "empty" : "too large; the header is wrong"));
  return header;
}

NpyIntegers read_npy_integers(InputFile& file) {
  const NpyHeader header = read_npy_header(file);
  if (header.shape.size() != 1)
    file.fail(10,
              fmt::format("labels have one dimension, the array is {}", bracketed(header.shape)));
  NpyIntegers result;
  result.values_offset = file.offset();
  const uint64_t count = header.shape[0];
  const auto read_as = [&]<class T>(T) {
    result.width = sizeof(T);
    append_integers<T>(file, count, result.values);
  };
  const std::string& type = header.descr;
  if (type == "|u1")
    read_as(uint8_t{});
  else if (type == "|i1")
    read_as(int8_t{});
  else if (type == "<u2")
    read_as(uint16_t{});
  else if (type == "<i2")
    read_as(int16_t{});
  else if (type == "<u4")
    read_as(uint32_t{});
  else if (type == "<i4")
    read_as(int32_t{});
  else if (type == "<u8")
    read_as(uint64_t{});
  else if (type == "<i8")
    read_as(int64_t{});
  else
    file.fail(10, fmt::format("labels of type '{}'; little-endian integers were expected", type));
  file.expect_end("the labels");
  return result;
}

std::unique_ptr<Dataset> read_npy_dataset(const std::string& path, const std::string& labels_path,
                                          int64_t image_size, bool memory_map) {
  InputFile file(path);
  const NpyHeader header = read_npy_header(file);
  const auto layout = layout_of(header.shape);
  if (!layout)
    file.fail(10,
              fmt::format("the shape {}; [N, D], [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 "
                          "to 4 channels and sides up to {} were expected",
                          bracketed(header.shape), kMostPixelsASide));
  const SampleShape shape = resized_shape(layout->shape, image_size);
  const uint64_t samples = header.shape[0];
  const uint64_t count = samples * static_cast<uint64_t>(layout->shape.values());
  const std::string what =
      fmt::format("the values of {} {}", header.descr, bracketed(header.shape));
  const auto read_labels_too = [&] {
    return labels_path.empty() ? Labels{} : read_labels(labels_path, static_cast<int64_t>(samples));
  };
  if (memory_map) return map_npy(file, header, *layout, shape, what, read_labels_too());
  require_memory(samples, static_cast<uint64_t>(shape.values()), path);
  const auto finish = [&]<class T>(std::vector<T> values, T black) {
    file.expect_end(what);
    return make_array_dataset(
        path, shape, prepare_samples(std::move(values), *layout, shape, black), read_labels_too());
  };
  const bool image = layout->shape.image;
  if (header.descr == "|u1") return finish(file.read_array<uint8_t>(count, what), uint8_t{0});
  if (header.descr == "<f4") return finish(read_floats<float>(file, count, image, what), -1.0f);
  if (header.descr == "<f8") return finish(read_floats<double>(file, count, image, what), -1.0f);
  file.fail(10,
            fmt::format("values of type '{}'; uint8 ('|u1'), float32 ('<f4') or float64 ('<f8') "
                        "were expected",
                        header.descr));
}

}  // namespace allmodes::data

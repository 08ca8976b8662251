#include "data/npy.h"

#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

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
    if (quote != '\'' && quote != '"')
      fail(
          "a quoted string was expected; records are not read: save np.column_stack([x[n] for n in "
          "x.dtype.names])");
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
  const auto values = product(header.shape);
  if (!values || *values == 0)
    file.fail(start, fmt::format("the shape {} is {}", bracketed(header.shape),
                                 values ? "empty" : "too large; the header is wrong"));
  return header;
}

}  // namespace allmodes::data

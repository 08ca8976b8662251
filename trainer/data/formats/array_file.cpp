#include "data/formats/array_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include "checkpoints/safetensors.h"
#include "data/array_dataset.h"
#include "data/containers/container.h"
#include "data/formats/foreign.h"
#include "data/formats/picture.h"
#include "data/npy.h"
#include "data/pixels.h"

namespace allmodes::data {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr const char* kSaveReadable =
    "np.save('data.npy', torch.load('{}', map_location='cpu').numpy())";

// 1 sign, 5 exponent, 10 fraction bits. (IEEE 754-2008, binary16.)
float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000U} << 16;
  const uint32_t exponent = (half >> 10) & 0x1FU;
  const uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <class T>
T with_bytes_reversed(T value) {
  std::array<uint8_t, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(T));
  std::reverse(bytes.begin(), bytes.end());
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// From Fortran order to C order.
template <class T>
std::vector<T> in_c_order(std::vector<T> in, const std::vector<uint64_t>& shape) {
  std::vector<T> out(in.size());
  std::vector<uint64_t> index(shape.size(), 0);
  std::vector<uint64_t> stride(shape.size(), 1);
  for (size_t d = 1; d < shape.size(); ++d) stride[d] = stride[d - 1] * shape[d - 1];
  uint64_t from = 0;
  for (T& value : out) {
    value = in[from];
    for (size_t d = shape.size(); d-- > 0;) {
      from += stride[d];
      if (++index[d] < shape[d]) break;
      from -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

// Every stored value of type T through `convert(value, number)`. The file is read in pieces, so
// that a large array is in memory once. What gzip data will come to is not known before it is read.
template <class Out, class T, class Convert>
std::vector<Out> converted(ArrayFile& array, const Convert& convert) {
  std::vector<Out> out;
  array.file.read_pieces<T>(
      array.values(), array.what(), [&](std::span<const T> stored, uint64_t first) {
        if (first == 0 && !array.file.compressed()) out.reserve(array.values());
        out.resize(first + stored.size());
        for (size_t i = 0; i < stored.size(); ++i)
          out[first + i] =
              convert(array.type.swapped ? with_bytes_reversed(stored[i]) : stored[i], first + i);
      });
  array.file.expect_end(array.what());
  if (array.fortran && array.shape.size() > 1) return in_c_order(std::move(out), array.shape);
  return out;
}

// Calls `use` with a value of the stored type, and what turns one of it into a number.
template <class Use>
auto with_type(const NumberType& type, const Use& use) {
  const auto plain = [](auto value) { return value; };
  const bool is_signed = type.kind == NumberKind::kInteger;
  switch (type.kind) {
    case NumberKind::kBoolean:
      return use(uint8_t{}, [](uint8_t value) -> uint8_t { return value != 0 ? 1 : 0; });
    case NumberKind::kBfloat:
      return use(uint16_t{},
                 [](uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); });
    case NumberKind::kFloat:
      if (type.bytes == 2) return use(uint16_t{}, half_to_float);
      return type.bytes == 4 ? use(float{}, plain) : use(double{}, plain);
    default:
      break;
  }
  switch (type.bytes) {
    case 1:
      return is_signed ? use(int8_t{}, plain) : use(uint8_t{}, plain);
    case 2:
      return is_signed ? use(int16_t{}, plain) : use(uint16_t{}, plain);
    case 4:
      return is_signed ? use(int32_t{}, plain) : use(uint32_t{}, plain);
    default:
      return is_signed ? use(int64_t{}, plain) : use(uint64_t{}, plain);
  }
}

ArrayFile from_npy(InputFile file) {
  const NpyHeader header = read_npy_header(file);
  const auto type = number_type(header.descr);
  if (!type)
    file.fail(10, fmt::format("values of type '{}'; booleans, integers and floating-point numbers "
                              "are read: save it with .astype('float32')",
                              header.descr));
  return {.file = std::move(file),
          .type = *type,
          .type_name = header.descr,
          .fortran = header.fortran_order,
          .shape = header.shape};
}

ArrayFile from_npz(const std::string& path, const std::string& wanted) {
  const auto archive = open_zip(path, UINT64_MAX);
  std::vector<std::string> names;
  int64_t chosen = -1;
  for (int64_t i = 0; i < archive->size(); ++i) {
    std::string name = archive->key(i);
    if (name.ends_with("data.pkl"))
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: it is a file of PyTorch's (torch.save), which only Python reads; save it "
                    "readable once: {}; or launch/to_safetensors.py for one of several tensors",
                    path, fmt::format(fmt::runtime(kSaveReadable), path));
    if (!name.ends_with(".npy")) continue;
    name.resize(name.size() - 4);
    if (name == wanted) chosen = i;
    if (wanted.empty() && names.empty()) chosen = i;
    names.push_back(std::move(name));
  }
  if (names.empty())
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: a zip archive without NumPy arrays; pictures in it are read by dataset: "
                  "\"images\"",
                  path);
  if (chosen < 0 || (wanted.empty() && names.size() > 1))
    ALLMODES_FAIL(ExitCode::kDataError, "{} holds {} arrays{}; name one: {}:NAME (it has {})", path,
                  names.size(), wanted.empty() ? "" : fmt::format(", none of them '{}'", wanted),
                  path, fmt::join(names, ", "));
  const std::string place = archive->place(chosen);
  try {
    Bytes bytes = archive->read(chosen);
    if (bytes.owned.empty()) bytes.owned.assign(bytes.view.begin(), bytes.view.end());
    return from_npy(InputFile(place, std::move(bytes.owned)));
  } catch (const Error& error) {
    const std::string what = error.what();
    if (error.code() != ExitCode::kDataError || !what.starts_with("byte ")) throw;
    ALLMODES_FAIL(ExitCode::kDataError, "{}, {}", place, what);
  }
}

ArrayFile from_safetensors(const std::string& path, std::string name) {
  const checkpoints::SafetensorsFile file(path);
  if (name.empty()) {
    if (file.names().size() != 1)
      ALLMODES_FAIL(ExitCode::kDataError, "{} holds {} tensors; name one: {}:NAME (it has {})",
                    path, file.names().size(), path, fmt::join(file.names(), ", "));
    name = file.names().front();
  }
  const auto& entry = file.at(name);
  using checkpoints::DType;
  static const std::vector<std::pair<DType, NumberType>> kTypes = {
      {DType::kF64, {NumberKind::kFloat, 8}},   {DType::kF32, {NumberKind::kFloat, 4}},
      {DType::kF16, {NumberKind::kFloat, 2}},   {DType::kBF16, {NumberKind::kBfloat, 2}},
      {DType::kI64, {NumberKind::kInteger, 8}}, {DType::kI32, {NumberKind::kInteger, 4}},
      {DType::kI16, {NumberKind::kInteger, 2}}, {DType::kI8, {NumberKind::kInteger, 1}},
      {DType::kU8, {NumberKind::kUnsigned, 1}}, {DType::kBool, {NumberKind::kBoolean, 1}}};
  const std::vector<uint64_t> shape(entry.shape.begin(), entry.shape.end());
  const std::string place = fmt::format("{}: tensor '{}'", path, name);
  if (product(shape).value_or(0) == 0)
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: the shape {} is empty", place, entry.begin,
                  bracketed(shape));
  require_memory(1, entry.bytes, path);
  std::vector<uint8_t> bytes(entry.bytes);
  file.read(name, bytes.data(), bytes.size());
  for (const auto& [stored, type] : kTypes)
    if (stored == entry.dtype)
      return {.file = InputFile(place, std::move(bytes), entry.begin),
              .type = type,
              .type_name = std::string(checkpoints::dtype_name(entry.dtype)),
              .shape = shape};
  ALLMODES_FAIL(ExitCode::kDataError, "{}: values of type {}", place,
                checkpoints::dtype_name(entry.dtype));
}

// FILE and NAME of FILE:NAME, where FILE ends in `ending`; nothing for other paths.
std::optional<std::pair<std::string, std::string>> split_name(const std::string& path,
                                                              std::string_view ending) {
  const size_t at = path.rfind(ending);
  if (at == std::string::npos) return std::nullopt;
  const std::string rest = path.substr(at + ending.size());
  if (!rest.empty() && rest.front() != ':') return std::nullopt;
  return std::pair{path.substr(0, at + ending.size()), rest.empty() ? rest : rest.substr(1)};
}

template <class Real>
std::vector<Real> real_numbers(ArrayFile& array) {
  if (array.type.text())
    array.file.fail(array.file.offset(), "it holds texts; numbers were expected");
  return with_type(array.type, [&]<class T>(T, const auto& number) {
    return converted<Real, T>(array,
                              [&](T value, size_t) { return static_cast<Real>(number(value)); });
  });
}

[[noreturn]] void fail_as_foreign(const InputFile& file, std::span<const uint8_t> head) {
  const ForeignFormat found = foreign_format(head);
  file.fail(0,
            fmt::format("it is {}; an array (.npy, .npz, .safetensors, idx), a table as text "
                        "(CSV) or pictures (a folder, .zip, .tar) were expected{}",
                        found.what,
                        picture_format(head) ? "; give the folder that it is in" : found.remedy));
}

}  // namespace

uint64_t ArrayFile::values() const {
  return product(shape).value_or(0);
}

std::string ArrayFile::what() const {
  return fmt::format("the values of {} {}", type_name, bracketed(shape));
}

std::optional<NumberType> number_type(const std::string& descr) {
  if (descr.size() < 3) return std::nullopt;
  uint64_t bytes = 0;
  for (const char c : std::string_view(descr).substr(2)) {
    if (c < '0' || c > '9' || bytes > 100'000) return std::nullopt;
    bytes = bytes * 10 + static_cast<uint64_t>(c - '0');
  }
  const bool swapped = descr[0] == '>';
  const bool whole = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
  if (bytes == 0) return std::nullopt;
  switch (descr[1]) {
    case 'b':
      return bytes == 1 ? std::optional(NumberType{NumberKind::kBoolean, 1}) : std::nullopt;
    case 'i':
      return whole ? std::optional(NumberType{NumberKind::kInteger, bytes, swapped}) : std::nullopt;
    case 'u':
      return whole ? std::optional(NumberType{NumberKind::kUnsigned, bytes, swapped})
                   : std::nullopt;
    case 'f':
      return whole && bytes >= 2 ? std::optional(NumberType{NumberKind::kFloat, bytes, swapped})
                                 : std::nullopt;
    case 'S':
      return NumberType{NumberKind::kText, bytes, false};
    case 'U':
      return NumberType{NumberKind::kWideText, bytes * 4, swapped};
    default:
      return std::nullopt;
  }
}

ArrayFile open_array(const std::string& path) {
  if (const auto named = split_name(path, ".safetensors"))
    return from_safetensors(named->first, named->second);
  if (const auto named = split_name(path, ".npz")) return from_npz(named->first, named->second);
  InputFile file(path);
  std::vector<uint8_t> head(std::min<uint64_t>(file.file_bytes(), 256));
  {
    InputFile probe(path);
    try {
      probe.read(head.data(), head.size(), "");
    } catch (const Error&) {
      head.resize(probe.offset());
    }
  }
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  if (text.starts_with("PK\x03\x04")) return from_npz(path, "");
  if (text.starts_with("\x80\x02") || text.starts_with("\x80\x03") || text.starts_with("\x80\x04"))
    file.fail(0, fmt::format("it is a Python pickle, perhaps of torch.save, and reading one runs "
                             "code; save it readable once: {}",
                             fmt::format(fmt::runtime(kSaveReadable), path)));
  if (!text.starts_with("\x93NUMPY")) fail_as_foreign(file, head);
  return from_npy(std::move(file));
}

std::vector<std::string> array_names(const std::string& path) {
  std::vector<std::string> names;
  if (!path.ends_with(".npz")) return names;
  const auto archive = open_zip(path, UINT64_MAX);
  for (int64_t i = 0; i < archive->size(); ++i)
    if (const std::string name = archive->key(i); name.ends_with(".npy"))
      names.push_back(name.substr(0, name.size() - 4));
  return names;
}

std::vector<uint8_t> read_byte_array(ArrayFile& array) {
  ALLMODES_CHECK(array.type.byte(), "bytes of an array of '{}'", array.type_name);
  return converted<uint8_t, uint8_t>(array, [](uint8_t value, size_t) { return value; });
}

std::vector<float> read_float_array(ArrayFile& array) {
  return real_numbers<float>(array);
}

std::vector<double> read_double_array(ArrayFile& array) {
  return real_numbers<double>(array);
}

std::vector<int64_t> read_integer_array(ArrayFile& array) {
  const uint64_t start = array.file.offset();
  if (array.type.text()) array.file.fail(start, "it holds texts; numbers were expected");
  return with_type(array.type, [&]<class T>(T, const auto& number) {
    return converted<int64_t, T>(array, [&](T stored, size_t i) -> int64_t {
      const auto value = number(stored);
      if constexpr (std::is_floating_point_v<std::decay_t<decltype(value)>>) {
        if (!(std::abs(static_cast<double>(value)) < 0x1p53) || std::floor(value) != value)
          array.file.fail(start + i * sizeof(T),
                          fmt::format("{} is no whole number", static_cast<double>(value)));
        return static_cast<int64_t>(value);
      } else {
        // Only uint64 can leave the range, and then no label is meant.
        return std::in_range<int64_t>(+value) ? static_cast<int64_t>(value) : -1;
      }
    });
  });
}

std::vector<std::string> read_text_array(ArrayFile& array) {
  ALLMODES_CHECK(array.type.text(), "texts of an array of '{}'", array.type_name);
  const uint64_t width = array.type.bytes;
  const auto raw = array.file.read_array<uint8_t>(array.values() * width, array.what());
  array.file.expect_end(array.what());
  std::vector<std::string> out;
  for (uint64_t i = 0; i < array.values(); ++i) {
    const uint8_t* p = raw.data() + i * width;
    std::string text;
    if (array.type.kind == NumberKind::kText) {
      text.assign(reinterpret_cast<const char*>(p),
                  strnlen(reinterpret_cast<const char*>(p), width));
    } else {
      for (uint64_t k = 0; k < width / 4; ++k) {
        uint32_t code = 0;
        std::memcpy(&code, p + 4 * k, 4);
        if (array.type.swapped) code = with_bytes_reversed(code);
        if (code == 0) break;
        if (code < 0x80) {
          text += static_cast<char>(code);
        } else if (code < 0x800) {
          text += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
        } else if (code < 0x10000) {
          text +=
              {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
               static_cast<char>(0x80 | (code & 0x3F))};
        } else {
          text += {static_cast<char>(0xF0 | (code >> 18 & 7)),
                   static_cast<char>(0x80 | (code >> 12 & 0x3F)),
                   static_cast<char>(0x80 | (code >> 6 & 0x3F)),
                   static_cast<char>(0x80 | (code & 0x3F))};
        }
      }
    }
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace allmodes::data

#include "checkpoints/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/system_call.h"

namespace allmodes::checkpoints {
namespace {

static_assert(std::endian::native == std::endian::little);

using Json = nlohmann::ordered_json;

constexpr uint64_t kLengthBytes = 8;
// The bound of the format's reference reader: keeps an absurd length from asking for all memory.
constexpr uint64_t kLongestHeader = 100'000'000;
constexpr char kMetadata[] = "__metadata__";

struct TypeInfo {
  DType dtype;
  std::string_view name;
  size_t bytes;
};
constexpr std::array<TypeInfo, 10> kTypes = {{{DType::kF64, "F64", 8},
                                              {DType::kF32, "F32", 4},
                                              {DType::kF16, "F16", 2},
                                              {DType::kBF16, "BF16", 2},
                                              {DType::kI64, "I64", 8},
                                              {DType::kI32, "I32", 4},
                                              {DType::kI16, "I16", 2},
                                              {DType::kI8, "I8", 1},
                                              {DType::kU8, "U8", 1},
                                              {DType::kBool, "BOOL", 1}}};

// Bytes of a tensor, or nothing when a dimension is negative or the product overflows.
std::optional<uint64_t> tensor_bytes(DType dtype, const std::vector<int64_t>& shape) {
  uint64_t bytes = element_bytes(dtype);
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) {
      return std::nullopt;
    }
  }
  return bytes;
}

// The header with its length before it, padded so that the tensors begin at a multiple of 8.
std::string encode_header(const std::vector<const TensorView*>& order,
                          const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  uint64_t offset = 0;
  for (const TensorView* tensor : order) {
    ALLMODES_CHECK(tensor_bytes(tensor->dtype, tensor->shape) == tensor->bytes,
                   "tensor '{}' has {} bytes", tensor->name, tensor->bytes);
    ALLMODES_CHECK(!header.contains(tensor->name) && tensor->name != kMetadata,
                   "the tensor name '{}' is taken", tensor->name);
    header[tensor->name] = {{"dtype", dtype_name(tensor->dtype)},
                            {"shape", tensor->shape},
                            {"data_offsets", {offset, offset + tensor->bytes}}};
    offset += tensor->bytes;
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::string encoded(kLengthBytes, '\0');
  std::memcpy(encoded.data(), &length, kLengthBytes);
  return encoded + text;
}

// Parses the JSON and refuses a key that stands twice in the top object.
Json parse_json(const std::string& header, const std::string& file) {
  std::set<std::string> seen;
  const Json::parser_callback_t callback = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !seen.insert(parsed.get<std::string>()).second) {
      ALLMODES_FAIL(ExitCode::kDataError, "'{}': the header names '{}' twice", file,
                    parsed.get<std::string>());
    }
    return true;
  };
  try {
    Json json = Json::parse(header, callback);
    if (json.is_object()) return json;
  } catch (const Json::parse_error& error) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}', byte {}: the header is not JSON ({})", file,
                  kLengthBytes + error.byte, error.what());
  }
  ALLMODES_FAIL(ExitCode::kDataError, "'{}', byte {}: the header is not a JSON object", file,
                kLengthBytes);
}

DType parse_dtype(const std::string& name, const std::string& tensor, const std::string& file) {
  for (const TypeInfo& type : kTypes) {
    if (type.name == name) return type.dtype;
  }
  ALLMODES_FAIL(ExitCode::kDataError, "'{}': tensor '{}' has the unknown type '{}'", file, tensor,
                name);
}

// A JSON number that is an integer in [0, 2^63).
uint64_t parse_count(const Json& json, const std::string& tensor, const std::string& file) {
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!json.is_number_unsigned() || json.get<uint64_t>() > kMost) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "'{}': tensor '{}' has '{}' where a count is wanted in its shape or offsets",
                  file, tensor, json.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return json.get<uint64_t>();
}

}  // namespace

size_t element_bytes(DType dtype) {
  return kTypes[static_cast<size_t>(dtype)].bytes;
}
std::string_view dtype_name(DType dtype) {
  return kTypes[static_cast<size_t>(dtype)].name;
}

std::vector<const TensorView*> safetensors_order(std::span<const TensorView> tensors) {
  std::vector<const TensorView*> order;
  order.reserve(tensors.size());
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
    return element_bytes(a->dtype) > element_bytes(b->dtype);
  });
  return order;
}

void encode_safetensors(std::span<const TensorView> tensors,
                        const std::map<std::string, std::string>& metadata,
                        const std::function<void(const void* data, size_t bytes)>& write) {
  const auto order = safetensors_order(tensors);
  const std::string header = encode_header(order, metadata);
  write(header.data(), header.size());
  for (const TensorView* tensor : order) write(tensor->data, tensor->bytes);
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  write_file_atomically(path, [&](DurableFile& file) {
    encode_safetensors(tensors, metadata,
                       [&](const void* data, size_t bytes) { file.write(data, bytes); });
  });
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = uninterrupted([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC); });
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kNoInput, "cannot open '{}': {}", path_.string(), storage_cause(error));
  }
  try {
    read_header(static_cast<uint64_t>(status.st_size));
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path, std::shared_ptr<const Bytes> bytes)
    : path_(std::move(path)), bytes_(std::move(bytes)) {
  read_header(bytes_->size());
}

void SafetensorsFile::read_header(uint64_t file_bytes) {
  uint64_t length = 0;
  if (file_bytes < kLengthBytes) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' ends at byte {}, within the header's length",
                  path_.string(), file_bytes);
  }
  read_at(0, &length, kLengthBytes);
  if (length > kLongestHeader || length > file_bytes - kLengthBytes) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "'{}', byte 0: a header of {} bytes in a file of {}: cut off, or no safetensors",
                  path_.string(), length, file_bytes);
  }
  std::string header(length, '\0');
  read_at(kLengthBytes, header.data(), header.size());
  parse_header(header, file_bytes);
}

SafetensorsFile::~SafetensorsFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(std::move(other.bytes_)),
      names_(std::move(other.names_)),
      entries_(std::move(other.entries_)),
      metadata_(std::move(other.metadata_)) {}

void SafetensorsFile::parse_header(const std::string& header, uint64_t file_bytes) {
  const std::string file = path_.string();
  const uint64_t data_begin = kLengthBytes + header.size();
  const Json json = parse_json(header, file);
  for (const auto& [name, value] : json.items()) {
    try {
      if (name == kMetadata) {
        metadata_ = value.get<std::map<std::string, std::string>>();
        continue;
      }
      Entry entry;
      entry.dtype = parse_dtype(value.at("dtype").get<std::string>(), name, file);
      for (const Json& extent : value.at("shape")) {
        entry.shape.push_back(static_cast<int64_t>(parse_count(extent, name, file)));
      }
      const Json& offsets = value.at("data_offsets");
      const uint64_t begin = parse_count(offsets.at(0), name, file);
      const uint64_t end = parse_count(offsets.at(1), name, file);
      const std::optional<uint64_t> wanted = tensor_bytes(entry.dtype, entry.shape);
      if (offsets.size() != 2 || begin > end || end > file_bytes - data_begin ||
          !wanted.has_value() || *wanted != end - begin) {
        ALLMODES_FAIL(ExitCode::kDataError,
                      "'{}': tensor '{}' at bytes {} to {} does not fit its shape and the {} bytes "
                      "of the file",
                      file, name, data_begin + begin, data_begin + end, file_bytes);
      }
      entry.begin = data_begin + begin;
      entry.bytes = end - begin;
      entries_.emplace(name, std::move(entry));
    } catch (const Json::exception& error) {
      ALLMODES_FAIL(ExitCode::kDataError, "'{}': the header's entry '{}' is malformed ({})", file,
                    name, error.what());
    }
  }
  check_cover(data_begin, file_bytes);
}

// Puts the names in the order of their bytes and wants each to begin where the one before ended.
void SafetensorsFile::check_cover(uint64_t data_begin, uint64_t file_bytes) {
  for (const auto& [name, entry] : entries_) names_.push_back(name);
  std::sort(names_.begin(), names_.end(), [&](const std::string& a, const std::string& b) {
    const Entry& first = entries_.at(a);
    const Entry& second = entries_.at(b);
    return std::tie(first.begin, first.bytes) < std::tie(second.begin, second.bytes);
  });
  uint64_t covered = data_begin;
  for (const std::string& name : names_) {
    const Entry& entry = entries_.at(name);
    if (entry.begin != covered) {
      ALLMODES_FAIL(ExitCode::kDataError, "'{}', byte {}: tensor '{}' {}", path_.string(),
                    entry.begin, name,
                    entry.begin < covered ? "overlaps the one before" : "leaves a gap before it");
    }
    covered += entry.bytes;
  }
  if (covered != file_bytes) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}', byte {}: {} bytes after the last tensor",
                  path_.string(), covered, file_bytes - covered);
  }
}

const SafetensorsFile::Entry& SafetensorsFile::at(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' has no tensor '{}'", path_.string(), name);
  }
  return found->second;
}

void SafetensorsFile::read(const std::string& name, void* out, size_t bytes) const {
  const Entry& entry = at(name);
  if (entry.bytes != bytes) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}', byte {}: tensor '{}' has {} bytes, not {}",
                  path_.string(), entry.begin, name, entry.bytes, bytes);
  }
  read_at(entry.begin, out, bytes);
}

void SafetensorsFile::read_at(uint64_t offset, void* out, size_t bytes) const {
  size_t got = 0;
  int error = 0;
  if (bytes_) {
    got = std::min<uint64_t>(bytes, bytes_->size() - std::min<uint64_t>(offset, bytes_->size()));
    std::copy_n(bytes_->data() + offset, got, static_cast<char*>(out));
  } else {
    error = read_all_at(descriptor_, offset, out, bytes, got);
  }
  if (error != 0 || got < bytes) {
    ALLMODES_FAIL(ExitCode::kInputOutput, "reading '{}' failed at byte {}: {}", path_.string(),
                  offset + got, error == 0 ? "the file ends there" : storage_cause(error));
  }
}

}  // namespace allmodes::checkpoints

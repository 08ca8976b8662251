#pragma once

// The safetensors format (github.com/huggingface/safetensors, "Format"): eight bytes of
// little-endian header length, a JSON header {name: {dtype, shape, data_offsets}}, then the
// tensors' bytes, which leave no gap. It holds data only: nothing in it is ever run. Little-endian
// machines only.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace allmodes::checkpoints {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

// Bytes of one element, and the format's name ("F32").
size_t element_bytes(DType dtype);
std::string_view dtype_name(DType dtype);

// A dense row-major tensor somewhere in host memory; `bytes` is element size times shape.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  const void* data = nullptr;
  size_t bytes = 0;
};

// The tensors as they lie in a file: wider types first, so that every tensor lies at a multiple of
// its element size; among equals the given order stands.
std::vector<const TensorView*> safetensors_order(std::span<const TensorView> tensors);

// Hands the file's bytes piece by piece to `write`: the header with its length, then each tensor as
// one piece in safetensors_order(). Throws kSoftware for a name used twice or `bytes` that disagree
// with the shape.
void encode_safetensors(std::span<const TensorView> tensors,
                        const std::map<std::string, std::string>& metadata,
                        const std::function<void(const void* data, size_t bytes)>& write);

// Writes the file atomically and puts it on the disk. Throws kCannotCreate or kInputOutput.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata = {});

// A file opened for reading. The header is checked in full before anything is believed: its size,
// its JSON, names used twice, types, and that the tensors cover the rest of the file without gap or
// overlap. What is wrong is thrown as kDataError with file and byte offset; a missing file as
// kNoInput.
class SafetensorsFile {
 public:
  using Bytes = std::vector<char>;
  struct Entry {
    DType dtype = DType::kF32;
    std::vector<int64_t> shape;
    uint64_t begin = 0;  // byte offset in the file
    uint64_t bytes = 0;
  };

  explicit SafetensorsFile(std::filesystem::path path);
  // The same of a file whose bytes were read already; `path` names it in errors.
  SafetensorsFile(std::filesystem::path path, std::shared_ptr<const Bytes> bytes);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;

  // In the order in which they lie in the file.
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const { return entries_.count(name) > 0; }
  // Throws kDataError, naming the file, when there is no such tensor.
  const Entry& at(const std::string& name) const;
  // Reads the whole tensor; `bytes` must be its size (else kDataError, with both sizes).
  void read(const std::string& name, void* out, size_t bytes) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void read_header(uint64_t file_bytes);
  void read_at(uint64_t offset, void* out, size_t bytes) const;
  void parse_header(const std::string& header, uint64_t file_bytes);
  void check_cover(uint64_t data_begin, uint64_t file_bytes);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::shared_ptr<const Bytes> bytes_;  // instead of a descriptor
  std::vector<std::string> names_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace allmodes::checkpoints

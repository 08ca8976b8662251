#include "checkpoints/payload_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/system_call.h"

namespace allmodes::checkpoints {
namespace {

// XXH3 64 of bytes that come in pieces.
class Hash {
 public:
  Hash() : state_(XXH3_createState(), &XXH3_freeState) {
    ALLMODES_CHECK(state_ != nullptr && XXH3_64bits_reset(state_.get()) == XXH_OK, "xxHash");
  }
  void add(const void* data, size_t bytes) {
    if (bytes > 0) XXH3_64bits_update(state_.get(), data, bytes);
  }
  uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

class ReadFile {
 public:
  explicit ReadFile(const std::filesystem::path& path) : path_(path) {
    descriptor_ =
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); });
    if (descriptor_ >= 0) return;
    const int error = errno;
    if (error == ENOENT) ALLMODES_FAIL(ExitCode::kDataError, "'{}' is missing", path.string());
    if (error == ELOOP)
      ALLMODES_FAIL(ExitCode::kDataError, "'{}' is a symbolic link, not a file", path.string());
    ALLMODES_FAIL(ExitCode::kInputOutput, "'{}' cannot be opened: {}", path.string(),
                  storage_cause(error));
  }
  ~ReadFile() { ::close(descriptor_); }
  ReadFile(const ReadFile&) = delete;
  ReadFile& operator=(const ReadFile&) = delete;

  uint64_t size() const {
    struct stat status {};
    return ::fstat(descriptor_, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
  }

  // Hands bytes [begin, end) piece by piece to `take`, fewer where the file ends before; returns
  // how many there were.
  template <typename Take>
  uint64_t read(uint64_t begin, uint64_t end, Take take) const {
    std::vector<char> buffer(size_t{1} << 17);
    uint64_t at = begin;
    while (at < end) {
      size_t got = 0;
      const size_t wanted = std::min<uint64_t>(buffer.size(), end - at);
      const int error = read_all_at(descriptor_, at, buffer.data(), wanted, got);
      if (error != 0) {
        ALLMODES_FAIL(ExitCode::kInputOutput, "reading '{}' failed at byte {}: {}", path_.string(),
                      at + got, storage_cause(error));
      }
      take(buffer.data(), got);
      at += got;
      if (got < wanted) break;
    }
    return at - begin;
  }

 private:
  const std::filesystem::path& path_;
  int descriptor_ = -1;
};

std::string quoted(const TensorEntry& tensor) {
  return fmt::format("tensor '{}' (bytes {} to {})", tensor.name, tensor.begin,
                     tensor.begin + tensor.bytes);
}

// Which parts of a file whose hash is wrong are damaged: "in tensor 'weights/1.weight' (bytes
// ...)".
std::string damaged_parts(const ReadFile& file, const FileEntry& entry) {
  if (entry.tensors.empty()) return "";
  std::vector<std::string> parts;
  for (const TensorEntry& tensor : entry.tensors) {
    Hash hash;
    file.read(tensor.begin, tensor.begin + tensor.bytes,
              [&](const void* data, size_t bytes) { hash.add(data, bytes); });
    if (hash.value() != tensor.xxh3) parts.push_back(quoted(tensor));
  }
  if (parts.empty()) return " in its header";
  return parts.size() == 1 ? " in " + parts[0]
                           : fmt::format(" in {} and {} more of its {} tensors", parts[0],
                                         parts.size() - 1, entry.tensors.size());
}

// " within tensor 'x' (bytes ...)" of a file of only so many bytes.
std::string cut_part(uint64_t bytes, const FileEntry& entry) {
  for (const TensorEntry& tensor : entry.tensors)
    if (tensor.begin + tensor.bytes > bytes)
      return (bytes > tensor.begin ? " within " : " before ") + quoted(tensor);
  return "";
}

}  // namespace

FileEntry write_payload_file(const std::filesystem::path& path,
                             const std::vector<TensorView>& tensors) {
  const auto order = safetensors_order(tensors);
  DurableFile file(path);
  FileEntry entry{.name = path.filename().string(), .tensors = {}};
  Hash whole;
  bool header = true;
  encode_safetensors(tensors, {{"format", "pt"}}, [&](const void* data, size_t bytes) {
    if (!header) {
      const TensorView& tensor = *order[entry.tensors.size()];
      entry.tensors.push_back({.name = tensor.name,
                               .begin = file.bytes(),
                               .bytes = bytes,
                               .xxh3 = XXH3_64bits(data, bytes)});
    }
    header = false;
    file.write(data, bytes);
    whole.add(data, bytes);
  });
  file.commit();
  entry.bytes = file.bytes();
  entry.xxh3 = whole.value();
  return entry;
}

std::shared_ptr<const SafetensorsFile::Bytes> verify_payload_file(const std::filesystem::path& path,
                                                                  const FileEntry& entry,
                                                                  bool keep) {
  const ReadFile file(path);
  std::shared_ptr<SafetensorsFile::Bytes> kept;
  if (keep) kept = std::make_shared<SafetensorsFile::Bytes>();
  // Room for what is there, whatever a damaged manifest says of it.
  if (kept) kept->reserve(std::min(entry.bytes, file.size()));
  Hash hash;
  // One byte more than there should be shows a file that has grown.
  const uint64_t bytes = file.read(0, entry.bytes + 1, [&](const char* data, size_t count) {
    hash.add(data, count);
    if (kept) kept->insert(kept->end(), data, data + count);
  });
  if (bytes != entry.bytes) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' has {} bytes, the manifest says {}: {}",
                  path.string(), bytes < entry.bytes ? std::to_string(bytes) : "more", entry.bytes,
                  bytes < entry.bytes ? "cut off" + cut_part(bytes, entry) : "something was added");
  }
  if (hash.value() != entry.xxh3) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "'{}' is damaged{}: its hash (XXH3) is {:016x}, the manifest says {:016x}",
                  path.string(), damaged_parts(file, entry), hash.value(), entry.xxh3);
  }
  return kept;
}

}  // namespace allmodes::checkpoints

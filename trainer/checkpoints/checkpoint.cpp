#include "checkpoints/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"
#include "checkpoints/manifest.h"

namespace allmodes::checkpoints {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "step-";
constexpr std::string_view kTemporaryPrefix = ".tmp-";
constexpr std::string_view kSuffix = ".safetensors";
constexpr char kManifest[] = "manifest.pb";
constexpr uint64_t kLargestManifest = UINT64_C(1) << 30;

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

bool is_plain_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string stem_of(const std::string& file_name) {
  return file_name.ends_with(kSuffix) ? file_name.substr(0, file_name.size() - kSuffix.size()) : "";
}

FileEntry write_payload_file(const fs::path& path, const std::vector<TensorView>& tensors) {
  DurableFile file(path);
  Hash hash;
  encode_safetensors(tensors, {{"format", "pt"}}, [&](const void* data, size_t bytes) {
    file.write(data, bytes);
    hash.add(data, bytes);
  });
  file.commit();
  return {.name = path.filename().string(), .bytes = file.bytes(), .xxh3 = hash.value()};
}

void write_folder(const fs::path& folder, const State& state, const Payload& payload) {
  Manifest manifest{.state = state, .files = {}};
  for (const auto& [stem, tensors] : payload) {
    ALLMODES_CHECK(is_plain_name(stem), "'{}' cannot be the name of a file", stem);
    manifest.files.push_back(write_payload_file(folder / (stem + std::string(kSuffix)), tensors));
  }
  const std::string bytes = encode_manifest(manifest);
  DurableFile file(folder / kManifest);
  file.write(bytes.data(), bytes.size());
  file.commit();
  sync_folder(folder);
}

// Renames the folder to its final name. A folder already there is exchanged for it in one move,
// where the file system can, and then stands under the temporary name.
void put_in_place(const fs::path& temporary, const fs::path& final_place) {
  if (::rename(temporary.c_str(), final_place.c_str()) == 0) return;
  int error = errno;
  if (error == ENOTEMPTY || error == EEXIST) {
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, final_place.c_str(), RENAME_EXCHANGE) ==
        0) {
      return;
    }
    const fs::path aside = temporary.string() + "-replaced";
    if (::rename(final_place.c_str(), aside.c_str()) == 0) {
      if (::rename(temporary.c_str(), final_place.c_str()) == 0) return;
      error = errno;
      ::rename(aside.c_str(), final_place.c_str());
    } else {
      error = errno;
    }
  }
  ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot put the checkpoint '{}' in place: {}",
                final_place.string(), std::strerror(error));
}

// What cannot be removed now is tried again at the next save: never a reason to stop.
void remove_quietly(const fs::path& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

void remove_temporary_folders(const fs::path& checkpoints_dir) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (fs::directory_iterator entry(checkpoints_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with(kTemporaryPrefix)) {
      stale.push_back(entry->path());
    }
  }
  for (const fs::path& folder : stale) remove_quietly(folder);
}

// The manifest first, so that a removal cut short leaves nothing that looks whole.
void remove_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  fs::remove(folder / kManifest, ignored);
  remove_quietly(folder);
}

void remove_old(const fs::path& checkpoints_dir, uint64_t step, int keep,
                std::optional<uint64_t> spare) {
  auto folders = list_checkpoints(checkpoints_dir);
  std::erase_if(folders, [&](const auto& folder) { return folder.first > step; });
  for (size_t i = 0; i + static_cast<size_t>(keep) < folders.size(); ++i)
    if (folders[i].first != spare) remove_checkpoint(folders[i].second);
}

void verify_file(const fs::path& path, const FileEntry& entry) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  const int open_error = errno;
  if (descriptor < 0) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' is missing or unreadable: {}", path.string(),
                  std::strerror(open_error));
  }
  Hash hash;
  uint64_t bytes = 0;
  std::vector<char> buffer(size_t{1} << 17);
  ssize_t got = 0;
  while ((got = ::read(descriptor, buffer.data(), buffer.size())) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    hash.add(buffer.data(), static_cast<size_t>(got));
    bytes += static_cast<uint64_t>(got);
  }
  const int read_error = errno;
  ::close(descriptor);
  if (got < 0) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' cannot be read at byte {}: {}", path.string(), bytes,
                  std::strerror(read_error));
  }
  if (bytes != entry.bytes) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' has {} bytes, the manifest says {}: cut off",
                  path.string(), bytes, entry.bytes);
  }
  if (hash.value() != entry.xxh3) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "'{}' is damaged: its hash (XXH3) is {:016x}, the manifest says {:016x}",
                  path.string(), hash.value(), entry.xxh3);
  }
}

}  // namespace

void remove_after(const fs::path& checkpoints_dir, uint64_t step) {
  const auto folders = list_checkpoints(checkpoints_dir);
  for (auto folder = folders.rbegin(); folder != folders.rend() && folder->first > step; ++folder)
    remove_checkpoint(folder->second);
}

fs::path save(const fs::path& checkpoints_dir, const State& state, const Payload& payload, int keep,
              std::optional<uint64_t> spare) {
  ALLMODES_CHECK(keep >= 1, "keep is {}", keep);
  std::error_code error;
  fs::create_directories(checkpoints_dir, error);
  if (error) {
    ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot create the folder '{}': {}",
                  checkpoints_dir.string(), error.message());
  }
  remove_temporary_folders(checkpoints_dir);
  const std::string name = fmt::format("{}{:08}", kFolderPrefix, state.step);
  const fs::path temporary =
      checkpoints_dir / fmt::format("{}{}-{}", kTemporaryPrefix, name, ::getpid());
  const fs::path final_place = checkpoints_dir / name;
  try {
    if (::mkdir(temporary.c_str(), 0777) != 0) {
      const int cause = errno;
      ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot create the folder '{}': {}",
                    temporary.string(), std::strerror(cause));
    }
    write_folder(temporary, state, payload);
    put_in_place(temporary, final_place);
  } catch (...) {
    remove_quietly(temporary);
    throw;
  }
  sync_folder(checkpoints_dir);
  remove_temporary_folders(checkpoints_dir);
  remove_old(checkpoints_dir, state.step, keep, spare);
  return final_place;
}

bool Opened::has(const std::string& stem) const {
  return std::find(stems.begin(), stems.end(), stem) != stems.end();
}

SafetensorsFile Opened::file(const std::string& stem) const {
  if (!has(stem)) {
    ALLMODES_FAIL(ExitCode::kDataError, "the checkpoint '{}' has no '{}{}'", folder.string(), stem,
                  kSuffix);
  }
  return SafetensorsFile(folder / (stem + std::string(kSuffix)));
}

Opened open(const fs::path& folder) {
  const fs::path path = folder / kManifest;
  Manifest manifest = decode_manifest(read_file(path, kLargestManifest), path.string());
  Opened opened{.folder = folder, .state = std::move(manifest.state), .stems = {}};
  for (const FileEntry& entry : manifest.files) {
    // A name with a slash would lead out of the folder.
    const std::string stem = stem_of(entry.name);
    if (!is_plain_name(stem)) {
      ALLMODES_FAIL(ExitCode::kDataError, "'{}' names the file '{}'", path.string(), entry.name);
    }
    verify_file(folder / entry.name, entry);
    opened.stems.push_back(stem);
  }
  return opened;
}

std::optional<Opened> open_newest(const fs::path& checkpoints_dir,
                                  std::vector<std::string>& refused) {
  const auto folders = list_checkpoints(checkpoints_dir);
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    try {
      Opened opened = open(folder->second);
      if (opened.state.step == folder->first) return opened;
      refused.push_back(
          fmt::format("'{}' holds step {}: renamed?", folder->second.string(), opened.state.step));
    } catch (const Error& error) {
      refused.emplace_back(error.what());
    }
  }
  return std::nullopt;
}

std::vector<std::pair<uint64_t, fs::path>> list_checkpoints(const fs::path& checkpoints_dir) {
  std::vector<std::pair<uint64_t, fs::path>> folders;
  std::error_code error;
  for (fs::directory_iterator entry(checkpoints_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kFolderPrefix)) continue;
    const char* digits = name.data() + kFolderPrefix.size();
    const char* last = name.data() + name.size();
    uint64_t step = 0;
    const auto parsed = std::from_chars(digits, last, step);
    if (parsed.ec == std::errc() && parsed.ptr == last) folders.emplace_back(step, entry->path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace allmodes::checkpoints

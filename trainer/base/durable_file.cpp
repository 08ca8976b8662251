#include "base/durable_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/space_shortage.h"
#include "base/system_call.h"

namespace allmodes {
namespace {

constexpr std::string_view kTemporaryPrefix = ".tmp-";

// Removes the file unless told that it has found its place.
struct RemoveUnlessKept {
  const std::filesystem::path& path;
  bool kept = false;
  ~RemoveUnlessKept() {
    if (!kept) ::unlink(path.c_str());
  }
};

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

int open_for_reading(const std::string& path, int flags = 0) {
  return uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags); });
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? "." : parent;
}

// Fills a file beside its place and moves it there.
template <typename Fill>
void put_beside(const std::filesystem::path& path, Fill fill) {
  const std::filesystem::path beside = temporary_beside(path);
  DurableFile file(beside);
  RemoveUnlessKept guard{beside};
  fill(file);
  if (uninterrupted([&] { return ::rename(beside.c_str(), path.c_str()); }) != 0) {
    const int error = errno;
    throw StorageError(ExitCode::kCannotCreate, error,
                       fmt::format("cannot put '{}' in place", path.string()));
  }
  guard.kept = true;
}

}  // namespace

DurableFile::DurableFile(std::filesystem::path path) : path_(std::move(path)) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  descriptor_ = uninterrupted([&] { return ::open(path_.c_str(), kFlags, 0666); });
  if (descriptor_ < 0) {
    const int error = errno;
    throw StorageError(ExitCode::kCannotCreate, error,
                       fmt::format("cannot create '{}'", path_.string()));
  }
}

DurableFile::~DurableFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(path_.c_str());
}

void DurableFile::write(const void* data, size_t bytes) {
  size_t written = 0;
  const int error = write_all(descriptor_, data, bytes, written);
  bytes_ += written;
  if (error != 0) {
    throw StorageError(ExitCode::kInputOutput, error,
                       fmt::format("writing '{}' failed after {} bytes", path_.string(), bytes_));
  }
}

void DurableFile::commit() {
  if (uninterrupted([&] { return ::fsync(descriptor_); }) != 0) fail_at_end(errno);
  close();
}

void DurableFile::close() {
  // close() reports what a network file system only then finds out.
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) fail_at_end(errno);
}

void DurableFile::fail_at_end(int error) {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  ::unlink(path_.c_str());
  throw StorageError(ExitCode::kInputOutput, error,
                     fmt::format("'{}' could not be put on the disk", path_.string()));
}

void sync_folder(const std::filesystem::path& folder) {
  const std::string name = folder.empty() ? "." : folder.string();
  const Descriptor opened{open_for_reading(name, O_DIRECTORY)};
  if (opened.value < 0 || uninterrupted([&] { return ::fsync(opened.value); }) != 0) {
    const int error = errno;
    // Some network file systems cannot sync a folder and say so: nothing more can be done there.
    if (opened.value >= 0 && error == EINVAL) return;
    throw StorageError(ExitCode::kInputOutput, error,
                       fmt::format("cannot sync the folder '{}'", name));
  }
}

void create_folders(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (folder.empty() || std::filesystem::is_directory(folder, ignored)) return;
  if (!folder.has_filename()) return create_folders(folder.parent_path());
  create_folders(folder.parent_path());
  if (uninterrupted([&] { return ::mkdir(folder.c_str(), 0777); }) != 0) {
    const int error = errno;
    // Another process may have made it just now.
    if (error == EEXIST && std::filesystem::is_directory(folder, ignored)) return;
    if (error == EEXIST)
      ALLMODES_FAIL(ExitCode::kCannotCreate,
                    "cannot create the folder '{}': something else has that name", folder.string());
    throw StorageError(ExitCode::kCannotCreate, error,
                       fmt::format("cannot create the folder '{}'", folder.string()));
  }
  sync_folder(folder_of(folder));
}

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  uint64_t random = 0;
  const ssize_t got = uninterrupted([&] { return ::getrandom(&random, sizeof random, 0); });
  ALLMODES_CHECK(got == sizeof random, "getrandom gave {} bytes", got);
  return path.parent_path() /
         fmt::format("{}{}-{:016x}", kTemporaryPrefix, path.filename().string(), random);
}

bool is_temporary(const std::filesystem::path& path) {
  return path.filename().string().starts_with(kTemporaryPrefix);
}

void remove_temporaries(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> stale;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_temporary(entry->path())) stale.push_back(entry->path());
  }
  for (const auto& path : stale) std::filesystem::remove_all(path, error);
}

void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(DurableFile&)>& fill) {
  put_beside(path, [&](DurableFile& file) {
    fill(file);
    file.commit();
  });
  sync_folder(folder_of(path));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  write_file_atomically(path,
                        [&](DurableFile& file) { file.write(content.data(), content.size()); });
}

void replace_file(const std::filesystem::path& path, std::string_view content) {
  put_beside(path, [&](DurableFile& file) {
    file.write(content.data(), content.size());
    file.close();
  });
}

std::string read_file(const std::filesystem::path& path, uint64_t limit) {
  const Descriptor opened{open_for_reading(path.string())};
  if (opened.value < 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kNoInput, "cannot open '{}': {}", path.string(), storage_cause(error));
  }
  std::string content;
  char buffer[1 << 16];
  while (true) {
    size_t got = 0;
    const int error = read_all(opened.value, buffer, sizeof buffer, got);
    content.append(buffer, got);
    if (error != 0) {
      ALLMODES_FAIL(ExitCode::kInputOutput, "reading '{}' failed at byte {}: {}", path.string(),
                    content.size(), storage_cause(error));
    }
    if (content.size() > limit) {
      ALLMODES_FAIL(ExitCode::kDataError, "'{}' holds more than {} bytes", path.string(), limit);
    }
    if (got < sizeof buffer) return content;
  }
}

}  // namespace allmodes

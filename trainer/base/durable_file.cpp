#include "base/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace allmodes {
namespace {

std::string why(int error) {
  if (error == ENOSPC || error == EDQUOT) return "no space left: free some and resume";
  return std::strerror(error);
}

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

}  // namespace

DurableFile::DurableFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot create '{}': {}", path_.string(), why(error));
  }
}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void DurableFile::write(const void* data, size_t bytes) {
  // Linux moves at most 2 GiB - 4 KiB a call.
  constexpr size_t kMostAtOnce = size_t{1} << 30;
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, from, std::min(bytes, kMostAtOnce));
    if (written < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      ALLMODES_FAIL(ExitCode::kInputOutput, "writing '{}' failed after {} bytes: {}",
                    path_.string(), bytes_, why(error));
    }
    from += written;
    bytes -= static_cast<size_t>(written);
    bytes_ += static_cast<uint64_t>(written);
  }
}

void DurableFile::commit() {
  // close() reports what a network file system only then finds out.
  const bool synced = ::fsync(descriptor_) == 0;
  const int sync_error = errno;
  const bool closed = ::close(std::exchange(descriptor_, -1)) == 0;
  const int close_error = errno;
  if (!synced || !closed) {
    ALLMODES_FAIL(ExitCode::kInputOutput, "'{}' could not be put on the disk: {}", path_.string(),
                  why(synced ? close_error : sync_error));
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const std::string name = folder.empty() ? "." : folder.string();
  const Descriptor opened{::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (opened.value < 0 || ::fsync(opened.value) != 0) {
    const int error = errno;
    // Some network file systems cannot sync a folder and say so: nothing more can be done there.
    if (opened.value >= 0 && error == EINVAL) return;
    ALLMODES_FAIL(ExitCode::kInputOutput, "cannot sync the folder '{}': {}", name, why(error));
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path beside =
      path.parent_path() / fmt::format(".tmp-{}-{}", path.filename().string(), ::getpid());
  DurableFile file(beside);
  RemoveUnlessKept guard{beside};
  file.write(content.data(), content.size());
  file.commit();
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot put '{}' in place: {}", path.string(),
                  why(error));
  }
  guard.kept = true;
  sync_folder(path.parent_path());
}

std::string read_file(const std::filesystem::path& path, uint64_t limit) {
  const Descriptor opened{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (opened.value < 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kNoInput, "cannot open '{}': {}", path.string(), why(error));
  }
  std::string content;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = ::read(opened.value, buffer, sizeof buffer);
    if (got == 0) return content;
    if (got < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      ALLMODES_FAIL(ExitCode::kInputOutput, "reading '{}' failed at byte {}: {}", path.string(),
                    content.size(), why(error));
    }
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > limit) {
      ALLMODES_FAIL(ExitCode::kDataError, "'{}' holds more than {} bytes", path.string(), limit);
    }
  }
}

}  // namespace allmodes

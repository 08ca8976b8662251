#pragma once

// Files that are either whole or not there, whatever happens to the process or the machine.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace allmodes {

// A file being written, every call checked. Closed but not removed when destroyed.
class DurableFile {
 public:
  // Creates the file or empties it; throws kCannotCreate.
  explicit DurableFile(std::filesystem::path path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  // Throws kInputOutput, naming the file and the cause (a full disk among them).
  void write(const void* data, size_t bytes);
  // Puts everything on the disk (fsync) and closes; throws kInputOutput.
  void commit();
  uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t bytes_ = 0;
};

// Makes renames and removals in the folder last (fsync of the folder); throws kInputOutput.
void sync_folder(const std::filesystem::path& folder);

// Writes the file beside its place, syncs it and renames it over `path`: a reader sees the old
// content or the new one. On failure the old content stands, nothing is left beside it, and
// kCannotCreate or kInputOutput is thrown.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The whole file; throws kNoInput when it cannot be opened, kInputOutput when reading fails, and
// kDataError when it holds more than `limit` bytes.
std::string read_file(const std::filesystem::path& path, uint64_t limit = UINT64_C(1) << 32);

}  // namespace allmodes

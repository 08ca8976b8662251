#pragma once

// Files that are either whole or not there, whatever happens to the process or the machine.
//
// What is being written stands under a temporary name, ".tmp-" and something that nobody can
// foresee, in the folder of its final name. Files and folders get the permissions that the user's
// umask leaves of read and write for everyone.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace allmodes {

// A new file being written, every call checked. Removed when destroyed before commit().
class DurableFile {
 public:
  // Creates the file; throws kCannotCreate, also when anything of that name is there already (a
  // link among them, which is not followed).
  explicit DurableFile(std::filesystem::path path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  // Throws kInputOutput, naming the file and the cause (a full disk among them).
  void write(const void* data, size_t bytes);
  // Puts everything on the disk (fsync) and closes; throws kInputOutput.
  void commit();
  // Closes, and leaves it to the system when the content comes to the disk; throws kInputOutput.
  void close();
  uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail_at_end(int error);

  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t bytes_ = 0;
};

// Makes renames and removals in the folder last (fsync of the folder); throws kInputOutput.
void sync_folder(const std::filesystem::path& folder);

// Makes the folder and those above it that are missing, and makes each last: its parent is synced.
// Throws kCannotCreate.
void create_folders(const std::filesystem::path& folder);

// A name in the same folder as `path` for what will be moved there when it is whole. No two calls
// give the same name, and it cannot be foreseen.
std::filesystem::path temporary_beside(const std::filesystem::path& path);
// Whether a name is one that temporary_beside() gives.
bool is_temporary(const std::filesystem::path& path);
// Removes what temporary_beside() named in the folder and nobody has finished, folders with all
// that is in them. Only for a folder that no other process writes to; what cannot be removed stays.
void remove_temporaries(const std::filesystem::path& folder);

// Fills a file beside its place by `fill`, syncs it and renames it over `path`: a reader sees the
// old content or the new one. On failure the old content stands, nothing is left beside it, and
// kCannotCreate or kInputOutput is thrown.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(DurableFile&)>& fill);
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The same without waiting for the disk: for files that are replaced every few seconds and that a
// machine that stops may lose.
void replace_file(const std::filesystem::path& path, std::string_view content);

// The whole file; throws kNoInput when it cannot be opened, kInputOutput when reading fails, and
// kDataError when it holds more than `limit` bytes.
std::string read_file(const std::filesystem::path& path, uint64_t limit = UINT64_C(1) << 32);

}  // namespace allmodes

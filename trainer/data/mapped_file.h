#pragma once

// A file as memory, read-only. The system brings pages as they are touched and may drop them again:
// a file may be larger than the machine's memory, and the ranks of a node share one copy.

#include <cstdint>
#include <string>

namespace allmodes::data {

// While a file is mapped it must stay as it is: what another program writes into it shows in the
// samples, and reading what was cut off ends the process with an error that names the file
// (world/lost_mapping.h).
// Replace a file by renaming a new one over it; the map then keeps the old one.
class MappedFile {
 public:
  // Throws kNoInput when there is no readable regular file, kDataError when it is empty, kOsError
  // when it cannot be mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  const std::string& path() const { return path_; }
  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }

  // How it is about to be read: front to back with much read ahead, or here and there without.
  void expect_sequential() const;
  void expect_random() const;

 private:
  std::string path_;
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace allmodes::data

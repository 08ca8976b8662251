#pragma once

// Writes zip archives.

#include <cstdint>
#include <string>

#include "base/durable_file.h"

namespace allmodes::data {

// An archive of stored members, with ZIP64 records throughout. (PKWARE APPNOTE 6.3) Without dates,
// so that equal members make equal archives.
class ZipWriter {
 public:
  // The archive begins where the file does; `file` is kept.
  explicit ZipWriter(DurableFile& file) : file_(file) {}

  void add(const std::string& name, const std::string& bytes);
  // The directory of all members; the last thing to write.
  void finish();

 private:
  void put(const std::string& bytes) { file_.write(bytes.data(), bytes.size()); }

  DurableFile& file_;
  std::string directory_;
  uint64_t members_ = 0;
};

}  // namespace allmodes::data

#pragma once

// A data file read from front to back, plain or gzip (told by its content), that knows its place:
// every complaint names file, byte and expectation.

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace allmodes::data {

// No image is larger than this a side.
constexpr int64_t kMostPixelsASide = 16'384;

class InputFile {
 public:
  // Throws kNoInput, followed by `remedy`, when there is no readable regular file.
  explicit InputFile(const std::string& path, const std::string& remedy = "");

  // Bytes that are in memory already, as of a member of an archive; `path` is what they are called,
  // and their first one is byte `base` in messages.
  InputFile(std::string path, std::vector<uint8_t> bytes, uint64_t base = 0);

  const std::string& path() const { return path_; }
  // Of the next byte, in the decompressed data.
  uint64_t offset() const { return offset_; }

  bool compressed() const { return compressed_; }
  bool in_memory() const { return in_memory_; }
  // As stored.
  uint64_t file_bytes() const { return file_bytes_; }

  // Reads exactly `bytes`; `what` they are, for the message. Throws kDataError when the file ends
  // before or the compressed data is damaged.
  void read(void* out, uint64_t bytes, const std::string& what);

  // At most so many bytes; returns how many there were, fewer only at the end. Throws as read().
  uint64_t read_up_to(void* out, uint64_t bytes) { return read_some(out, bytes); }

  // The same into a new array, after a check that a file of this size can hold that much, so that
  // an absurd header allocates nothing. Gzip output grows as it arrives.
  template <class T>
  std::vector<T> read_array(uint64_t count, const std::string& what);

  // The same a piece at a time, for what is kept in another form: use(PIECE, INDEX OF ITS FIRST).
  template <class T, class Use>
  void read_pieces(uint64_t count, const std::string& what, const Use& use);

  // For values that are to be read in place: throws kDataError unless exactly `count` of `width`
  // bytes follow until the end of the file, kConfiguration when it is compressed.
  void expect_mappable(uint64_t count, uint64_t width, const std::string& what) const;

  // Throws kDataError unless the data ends here with its checksum right.
  void expect_end(const std::string& what);

  // Throws kDataError: "PATH, byte N: MESSAGE".
  [[noreturn]] void fail(uint64_t at, const std::string& message) const;

 private:
  struct Closer {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  uint64_t read_some(void* out, uint64_t bytes);
  void require_room(uint64_t count, uint64_t width, const std::string& what) const;
  [[noreturn]] void fail_short(uint64_t count, uint64_t width, const std::string& what) const;
  [[noreturn]] void fail_long(uint64_t end, const std::string& what) const;

  std::string path_;
  uint64_t file_bytes_ = 0;
  uint64_t offset_ = 0;
  bool compressed_ = false;
  bool in_memory_ = false;
  std::vector<uint8_t> bytes_;  // where they are in memory
  uint64_t base_ = 0;
  std::unique_ptr<gzFile_s, Closer> file_;
};

template <class T>
std::vector<T> InputFile::read_array(uint64_t count, const std::string& what) {
  require_room(count, sizeof(T), what);
  std::vector<T> out;
  for (uint64_t have = 0; have < count;) {
    const uint64_t step = compressed_ ? std::max<uint64_t>(have, (1U << 20) / sizeof(T)) : count;
    const uint64_t next = std::min(count, have + step);
    out.resize(next);
    read(out.data() + have, (next - have) * sizeof(T), what);
    have = next;
  }
  return out;
}

template <class T, class Use>
void InputFile::read_pieces(uint64_t count, const std::string& what, const Use& use) {
  require_room(count, sizeof(T), what);
  std::vector<T> piece(std::min<uint64_t>(count, (1U << 20) / sizeof(T)));
  for (uint64_t have = 0; have < count;) {
    const uint64_t step = std::min<uint64_t>(count - have, piece.size());
    read(piece.data(), step * sizeof(T), what);
    use(std::span<const T>(piece.data(), step), have);
    have += step;
  }
}

// The product, or nothing when it does not fit into 63 bits.
std::optional<uint64_t> product(const std::vector<uint64_t>& factors);

}  // namespace allmodes::data

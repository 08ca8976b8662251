#include "data/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "data/array_dataset.h"
#include "data/paths.h"

namespace allmodes::data {
namespace {

// Deflate's best ratio is 1032 : 1.
constexpr uint64_t kDeflateRatio = 1032;
constexpr uint64_t kMostAtOnce = 1U << 30;

}  // namespace

InputFile::InputFile(const std::string& path, const std::string& remedy) : path_(path) {
  const std::string hint = remedy.empty() ? "" : "; " + remedy;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: cannot be opened: {}{}{}", path, std::strerror(errno),
                  full_path_hint(path), hint);
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: is not a regular file{}", path, hint);
  }
  file_bytes_ = static_cast<uint64_t>(status.st_size);
  file_.reset(gzdopen(descriptor, "rb"));
  if (!file_) {
    close(descriptor);
    ALLMODES_FAIL(ExitCode::kOsError, "{}: no memory to read it", path);
  }
  gzbuffer(file_.get(), 1U << 18);
  compressed_ = gzdirect(file_.get()) == 0;
}

InputFile::InputFile(std::string path, std::vector<uint8_t> bytes, uint64_t base)
    : path_(std::move(path)),
      file_bytes_(bytes.size()),
      in_memory_(true),
      bytes_(std::move(bytes)),
      base_(base) {}

uint64_t InputFile::read_some(void* out, uint64_t bytes) {
  if (in_memory_) {
    const uint64_t have = std::min(bytes, file_bytes_ - offset_);
    std::copy_n(bytes_.data() + offset_, have, static_cast<uint8_t*>(out));
    offset_ += have;
    return have;
  }
  uint64_t have = 0;
  while (have < bytes) {
    const auto step = static_cast<unsigned>(std::min(bytes - have, kMostAtOnce));
    const int got = gzread(file_.get(), static_cast<char*>(out) + have, step);
    if (got <= 0) break;
    have += static_cast<uint64_t>(got);
    offset_ += static_cast<uint64_t>(got);
  }
  int code = Z_OK;
  const char* message = gzerror(file_.get(), &code);
  if (code == Z_ERRNO)
    ALLMODES_FAIL(ExitCode::kInputOutput, "{}, byte {}: reading failed: {}", path_, offset_,
                  std::strerror(errno));
  if (code == Z_BUF_ERROR) {
    if (have == bytes) return have;
    fail(offset_, "the gzip data ends too early; the file is truncated");
  }
  if (code != Z_OK && code != Z_STREAM_END)
    fail(offset_, fmt::format("the gzip data is damaged ({})", message));
  return have;
}

void InputFile::read(void* out, uint64_t bytes, const std::string& what) {
  const uint64_t start = offset_;
  const uint64_t have = read_some(out, bytes);
  if (have != bytes)
    fail(offset_, fmt::format("the file ends here, but {} ({} bytes from byte {}) were expected",
                              what, bytes, start));
}

void InputFile::require_room(uint64_t count, uint64_t width, const std::string& what) const {
  if (compressed_) {
    const uint64_t most = file_bytes_ * kDeflateRatio;
    if (count > most / width)
      fail(offset_,
           fmt::format("{} ({} x {} bytes) were expected, but {} bytes of gzip hold at most "
                       "{}; the header is wrong or the file truncated",
                       what, count, width, file_bytes_, most));
  } else if (count > (file_bytes_ - std::min(offset_, file_bytes_)) / width) {
    fail_short(count, width, what);
  }
  require_memory(count, width, path_);
}

void InputFile::expect_mappable(uint64_t count, uint64_t width, const std::string& what) const {
  if (compressed_)
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "data.memory_map: {} is compressed and cannot be read in place; unpack it first "
                  "(gzip -dk), or leave data.memory_map out",
                  path_);
  if (in_memory_)
    ALLMODES_FAIL(
        ExitCode::kConfiguration,
        "data.memory_map: {} lies inside of another file and cannot be read in place; save "
        "it as .npy, or leave data.memory_map out",
        path_);
  const uint64_t rest = file_bytes_ - std::min(offset_, file_bytes_);
  if (count > rest / width) fail_short(count, width, what);
  if (count * width != rest) fail_long(offset_ + count * width, what);
}

void InputFile::expect_end(const std::string& what) {
  char extra = 0;
  const uint64_t end = offset_;
  if (read_some(&extra, 1) != 0) fail_long(end, what);
}

void InputFile::fail_short(uint64_t count, uint64_t width, const std::string& what) const {
  fail(file_bytes_, fmt::format("the file ends here, but {} ({} x {} bytes from byte {}) were "
                                "expected; the header is wrong or the file truncated",
                                what, count, width, offset_));
}

void InputFile::fail_long(uint64_t end, const std::string& what) const {
  fail(end, fmt::format("{} end here, but the file goes on; the header is wrong", what));
}

void InputFile::fail(uint64_t at, const std::string& message) const {
  ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}{}: {}", path_, base_ + at,
                compressed_ ? " of the decompressed data" : "", message);
}

std::optional<uint64_t> product(const std::vector<uint64_t>& factors) {
  uint64_t result = 1;
  for (const uint64_t factor : factors)
    if (__builtin_mul_overflow(result, factor, &result)) return std::nullopt;
  if (result > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return result;
}

}  // namespace allmodes::data

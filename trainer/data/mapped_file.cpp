#include "data/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "data/paths.h"

namespace allmodes::data {
namespace {

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
};

// The kernel may not follow advice; reading is right either way.
void advise(const uint8_t* data, uint64_t size, int advice) {
  madvise(const_cast<uint8_t*>(data), size, advice);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0)
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: cannot be opened: {}{}", path, std::strerror(errno),
                  full_path_hint(path));
  struct stat status {};
  if (fstat(file.value, &status) != 0 || !S_ISREG(status.st_mode))
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: is not a regular file", path);
  size_ = static_cast<uint64_t>(status.st_size);
  if (size_ == 0) ALLMODES_FAIL(ExitCode::kDataError, "{}, byte 0: the file is empty", path);
  void* const mapped = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.value, 0);
  if (mapped == MAP_FAILED)
    ALLMODES_FAIL(ExitCode::kOsError, "{}: its {} bytes cannot be mapped: {}", path, size_,
                  std::strerror(errno));
  data_ = static_cast<const uint8_t*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

void MappedFile::expect_sequential() const {
  advise(data_, size_, MADV_SEQUENTIAL);
}

void MappedFile::expect_random() const {
  advise(data_, size_, MADV_RANDOM);
}

}  // namespace allmodes::data

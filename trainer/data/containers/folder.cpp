// Files in folders.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "data/containers/container.h"
#include "data/containers/label_files.h"
#include "data/paths.h"

namespace allmodes::data {
namespace {

namespace fs = std::filesystem;

int64_t changed_at(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

// Deeper than anyone's data; a link to a folder above would go round for ever.
constexpr int kDeepestFolder = 32;

class Folder final : public Container {
 public:
  explicit Folder(const std::string& path) : path_(path) {
    list(path, "", 0);
    std::sort(keys_.begin(), keys_.end(), key_before);
  }

  int64_t size() const override { return std::ssize(keys_); }
  std::string key(int64_t index) const override { return keys_[static_cast<size_t>(index)]; }
  std::string place(int64_t index) const override {
    return (fs::path(path_) / key(index)).string();
  }

  std::pair<uint64_t, int64_t> stamp(int64_t index) const override {
    struct stat status {};
    const std::string path = place(index);
    if (stat(path.c_str(), &status) != 0) return {0, 0};
    return {static_cast<uint64_t>(status.st_size), changed_at(status)};
  }

  std::optional<Labels> labels() const override { return labels_beside(*this); }

  Bytes read(int64_t index, uint64_t most) const override {
    const std::string path = place(index);
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) ALLMODES_FAIL(ExitCode::kNoInput, "cannot be opened: {}", std::strerror(errno));
    struct Closer {
      int file;
      ~Closer() { close(file); }
    } closer{file};
    struct stat status {};
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
      ALLMODES_FAIL(ExitCode::kNoInput, "is not a regular file");
    Bytes bytes;
    bytes.owned.resize(std::min(most, static_cast<uint64_t>(status.st_size)));
    for (size_t have = 0; have < bytes.owned.size();) {
      const ssize_t got = ::read(file, bytes.owned.data() + have, bytes.owned.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        ALLMODES_FAIL(ExitCode::kInputOutput, "byte {}: reading failed: {}", have,
                      std::strerror(errno));
      if (got == 0) bytes.owned.resize(have);
      have += static_cast<size_t>(got);
    }
    bytes.view = bytes.owned;
    return bytes;
  }

 private:
  void list(const fs::path& folder, const std::string& prefix, int depth) {
    if (depth > kDeepestFolder)
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: more than {} folders inside one another; does a link lead back?",
                    folder.string(), kDeepestFolder);
    std::error_code error;
    fs::directory_iterator at(folder, error);
    for (; !error && at != fs::directory_iterator(); at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (is_left_aside(name)) continue;
      std::error_code unknown;
      if (at->is_directory(unknown))
        list(at->path(), prefix + name + "/", depth + 1);
      else
        keys_.push_back(prefix + name);
    }
    if (error)
      ALLMODES_FAIL(ExitCode::kNoInput, "{}: the folder cannot be read: {}{}", folder.string(),
                    error.message(), full_path_hint(folder.string()));
  }

  std::string path_;
  std::vector<std::string> keys_;
};

}  // namespace

int64_t last_change(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? changed_at(status) : 0;
}

bool key_before(const std::string& a, const std::string& b) {
  // A separator sorts before every other character.
  const auto rank = [](char c) {
    return c == '/' ? 0 : 1 + static_cast<int>(static_cast<uint8_t>(c));
  };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return rank(x) < rank(y); });
}

bool is_left_aside(std::string_view name) {
  return name.starts_with('.') || name == "__MACOSX" || name == "Thumbs.db" ||
         name == "desktop.ini" || name == "__pycache__" || name == "lost+found" || name == "@eaDir";
}

bool has_left_aside(std::string_view key) {
  for (size_t at = 0; at <= key.size();) {
    const size_t end = std::min(key.find('/', at), key.size());
    if (is_left_aside(key.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}

std::unique_ptr<Container> open_folder(const std::string& path) {
  return std::make_unique<Folder>(path);
}

}  // namespace allmodes::data

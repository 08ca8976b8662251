#include "data/picture_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"

namespace allmodes::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCacheMagic = "allmodes pictures 1";

// Held while a process looks for the files or makes them; the system lets it go when the process
// ends, however it does.
class CacheLock {
 public:
  explicit CacheLock(const fs::path& path)
      : file_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (file_ < 0)
      ALLMODES_FAIL(ExitCode::kCannotCreate, "{}: {}; set data.cache: \"none\"", path.string(),
                    std::strerror(errno));
    while (flock(file_, LOCK_EX) != 0)
      if (errno != EINTR) {
        close(file_);
        ALLMODES_FAIL(ExitCode::kOsError, "{}: it cannot be locked: {}; set data.cache: \"none\"",
                      path.string(), std::strerror(errno));
      }
  }
  ~CacheLock() { close(file_); }
  CacheLock(const CacheLock&) = delete;
  CacheLock& operator=(const CacheLock&) = delete;

 private:
  int file_;
};

// Nothing when the files are not there, not whole, or another version's.
std::optional<CachedPictures> find_cached(const fs::path& bytes, const fs::path& facts) {
  std::error_code error;
  if (!fs::exists(bytes, error) || !fs::exists(facts, error)) return std::nullopt;
  const auto json = nlohmann::json::parse(read_file(facts), nullptr, false);
  try {
    CachedPictures found{.path = bytes.string(),
                         .shape = {.channels = json.at("channels"),
                                   .height = json.at("height"),
                                   .width = json.at("width"),
                                   .image = true},
                         .size = json.at("size"),
                         .fingerprint = json.at("fingerprint"),
                         .left_out = json.at("left_out"),
                         .remarks = json.at("remarks")};
    const uint64_t expected =
        kPictureCacheHeader + static_cast<uint64_t>(found.size * found.shape.values());
    if (json.at("magic") != kCacheMagic || fs::file_size(bytes, error) != expected)
      return std::nullopt;
    return found;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

void remember(const fs::path& facts, const CachedPictures& made) {
  write_file_atomically(facts, nlohmann::json{{"magic", kCacheMagic},
                                              {"channels", made.shape.channels},
                                              {"height", made.shape.height},
                                              {"width", made.shape.width},
                                              {"size", made.size},
                                              {"fingerprint", made.fingerprint},
                                              {"left_out", made.left_out},
                                              {"remarks", made.remarks}}
                                   .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

}  // namespace

fs::path picture_cache_folder() {
  if (const char* folder = std::getenv("ALLMODES_CACHE")) return fs::path(folder) / "data";
  if (const char* folder = std::getenv("XDG_CACHE_HOME")) return fs::path(folder) / "allmodes/data";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/tmp") / ".cache/allmodes/data";
}

uint64_t picture_cache_key(const config::Data& data, const PictureSet& set) {
  ContentHash hash;
  const auto add = [&](const std::string& text) { hash.add(text.c_str(), text.size() + 1); };
  std::error_code error;
  add(fs::absolute(data.path, error).string());
  add(fmt::format("{} {} {} {} {} {} {} {} {} {}", data.classes, data.image_size, data.fit,
                  data.filter, data.colour, data.background, data.exif, data.on_damage,
                  data.most_damaged, data.largest_picture));
  for (const int64_t member : set.members) {
    add(set.container->key(member));
    const auto [size, time] = set.container->stamp(member);
    hash.add(&size, sizeof size);
    hash.add(&time, sizeof time);
  }
  return hash.finish({}, 1, set.labels);
}

std::optional<CachedPictures> find_cached_pictures(uint64_t key) {
  const std::string name = fmt::format("{:016x}", key);
  return find_cached(picture_cache_folder() / (name + ".u8"),
                     picture_cache_folder() / (name + ".json"));
}

bool cache_has_room(uint64_t bytes) {
  std::error_code error;
  fs::create_directories(picture_cache_folder(), error);
  const auto space = fs::space(picture_cache_folder(), error);
  return !error && space.available / 2 > bytes;
}

CachedPictures cached_pictures(
    uint64_t key,
    const std::function<CachedPictures(const std::function<void(const uint8_t*, size_t)>& write)>&
        make) {
  const fs::path folder = picture_cache_folder();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    ALLMODES_FAIL(ExitCode::kCannotCreate, "{}: {}; set ALLMODES_CACHE, or data.cache: \"none\"",
                  folder.string(), error.message());
  const std::string name = fmt::format("{:016x}", key);
  const fs::path bytes = folder / (name + ".u8");
  const fs::path facts = folder / (name + ".json");
  const CacheLock lock(folder / (name + ".lock"));
  if (auto found = find_cached(bytes, facts)) return *found;
  const fs::path part = folder / (name + ".part");
  CachedPictures made;
  try {
    DurableFile file(part);
    char header[kPictureCacheHeader] = {};
    std::strncpy(header, kCacheMagic, sizeof header - 1);
    file.write(header, sizeof header);
    made = make([&](const uint8_t* data, size_t size) { file.write(data, size); });
    file.commit();
  } catch (...) {
    fs::remove(part, error);
    throw;
  }
  fs::rename(part, bytes, error);
  if (error) ALLMODES_FAIL(ExitCode::kCannotCreate, "{}: {}", bytes.string(), error.message());
  made.path = bytes.string();
  remember(facts, made);
  return made;
}

}  // namespace allmodes::data

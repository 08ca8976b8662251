#include "base/cache_folder.h"

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "base/durable_file.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> variable(const char* name, Environment environment) {
  const char* value = environment(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

void remove_old_temporaries(const fs::path& folder) {
  constexpr auto kOld = std::chrono::hours(24);
  std::error_code error;
  std::vector<fs::path> old;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unknown;
    const auto written = entry->last_write_time(unknown);
    if (is_temporary(entry->path()) && !unknown &&
        fs::file_time_type::clock::now() - written > kOld)
      old.push_back(entry->path());
  }
  for (const auto& path : old) fs::remove(path, error);
}

}  // namespace

std::optional<fs::path> cache_folder(std::string_view kind, Environment environment) {
  std::optional<fs::path> root = variable("ALLMODES_CACHE", environment);
  if (!root) {
    root = variable("XDG_CACHE_HOME", environment);
    if (root) *root /= "allmodes";
  }
  if (!root) {
    root = variable("HOME", environment);
    if (root) *root /= fs::path(".cache") / "allmodes";
  }
  if (root) *root /= kind;
  return root;
}

std::optional<fs::path> cache_folder(std::string_view kind) {
  return cache_folder(kind, &std::getenv);
}

void prepare_cache_folder(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    create_folders(folder.parent_path());
    if (::mkdir(folder.c_str(), 0700) != 0) create_folders(folder);
  }
  remove_old_temporaries(folder);
}

}  // namespace allmodes

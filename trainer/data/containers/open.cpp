// What a path names.

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "data/containers/braces.h"
#include "data/containers/container.h"
#include "data/formats/foreign.h"
#include "data/formats/picture.h"
#include "data/mapped_file.h"

namespace allmodes::data {
namespace {

namespace fs = std::filesystem;

bool begins_as_tar(const MappedFile& file) {
  return file.size() >= 512 && std::memcmp(file.data() + 257, "ustar", 5) == 0;
}

// A folder that holds tar shards and nothing else but index files: their names, as one text with
// braces.
std::string shards_of(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (is_left_aside(name) || name.ends_with(".idx") || name.ends_with(".json")) continue;
    if (!name.ends_with(".tar") || name.find_first_of("{},") != std::string::npos) return "";
    names.push_back(name);
  }
  if (names.empty()) return "";
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "{" : ",") + name;
  return (fs::path(folder) / (text + "}")).string();
}

}  // namespace

std::unique_ptr<Container> open_container(const std::string& path, uint64_t most_bytes) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    if (fs::exists(fs::path(path) / "index.json", error)) return open_mds(path);
    const std::string shards = shards_of(path);
    return shards.empty() ? open_folder(path) : open_tar(shards);
  }
  if (path.find('{') != std::string::npos && !fs::exists(path, error)) return open_tar(path);
  const MappedFile file(path);
  if (file.size() >= 4 && std::memcmp(file.data(), "PK", 2) == 0) return open_zip(path, most_bytes);
  if (begins_as_tar(file)) return open_tar(path);
  const std::span<const uint8_t> head(file.data(), std::min<uint64_t>(file.size(), 512));
  const ForeignFormat found = foreign_format(head);
  ALLMODES_FAIL(ExitCode::kDataError,
                "{}, byte 0: it is {}; a folder of pictures, a zip archive, or tar shards were "
                "expected{}",
                path, found.what,
                picture_format(head) ? "; give the folder that it is in" : found.remedy);
}

}  // namespace allmodes::data

#include "data/files.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "data/arrays.h"
#include "data/containers/container.h"
#include "data/idx.h"
#include "data/input_file.h"
#include "data/registry.h"
#include "data/table.h"

namespace allmodes::data {
namespace {

namespace fs = std::filesystem;

std::string head_of(const std::string& path) {
  InputFile file(path);
  std::string head;
  char next = 0;
  try {
    while (head.size() < 512) {
      file.read(&next, 1, "");
      head += next;
    }
  } catch (const Error&) {
    // It is shorter, or no gzip data after all: the reader will say so.
  }
  return head;
}

// Lines of text, but no page of the web.
bool is_text(const std::string& head) {
  const bool printable = std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  const size_t first = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return printable && head.find('\n') != std::string::npos && first != std::string::npos &&
         head[first] != '<' && !head.starts_with("version https://");
}

// Whether a zip archive holds arrays, not pictures.
bool holds_arrays(const std::string& path) {
  const auto archive = open_zip(path, UINT64_MAX);
  for (int64_t i = 0; i < archive->size(); ++i)
    if (archive->key(i).ends_with(".npy") || archive->key(i).ends_with("data.pkl")) return true;
  return false;
}

bool holds_pictures(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return true;
  if (!fs::exists(path, error)) return path.find('{') != std::string::npos;
  const std::string head = head_of(path);
  if (head.starts_with("PK")) return !holds_arrays(path);
  return head.size() == 512 && std::memcmp(head.data() + 257, "ustar", 5) == 0;
}

}  // namespace

std::unique_ptr<Dataset> read_files(const config::Data& data, Split split,
                                    const SharedReading& reading) {
  if (holds_pictures(data.path)) {
    if (!data.labels.empty())
      ALLMODES_FAIL(ExitCode::kUsage,
                    "{}: labels of pictures are their folders, or stand in their archive; "
                    "a file of labels belongs to an array",
                    data.labels);
    return read_pictures(data, split, reading);
  }
  if (split == Split::kHeldOut) return nullptr;
  const bool named = data.path.find(".npz:") != std::string::npos ||
                     data.path.find(".safetensors") != std::string::npos;
  if (!named && head_of(data.path).starts_with(std::string(2, '\0')))
    return read_idx_dataset({.name = data.path,
                             .images = data.path,
                             .labels = data.labels,
                             .image_size = data.image_size,
                             .memory_map = data.memory_map});
  if (!named && is_text(head_of(data.path))) return read_table(data);
  return read_arrays(data);
}

namespace {

constexpr std::string_view kFilesFields[] = {
    "path",         "labels",     "image_size", "memory_map",  "range",        "layout",
    "classes",      "split",      "held_out",   "fit",         "filter",       "colour",
    "background",   "exif",       "flip",       "random_crop", "order",        "window",
    "fingerprint",  "threads",    "cache",      "on_damage",   "most_damaged", "largest_picture",
    "label_column", "standardize"};

}  // namespace

extern const DatasetRow kFilesDataset{
    .name = "files",
    .summary = "pictures, arrays, idx or a table, told by content",
    .fields = kFilesFields,
    .held_out = true,
    .build = [](const config::Data& d, uint64_t, Split split) {
      needed_path(d);
      return read_files(d, split);
    }};

}  // namespace allmodes::data

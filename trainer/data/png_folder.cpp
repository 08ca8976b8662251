#include "data/png_folder.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/array_dataset.h"
#include "data/input_file.h"
#include "data/pixels.h"

namespace allmodes::data {
namespace {

namespace fs = std::filesystem;

struct Picture {
  fs::path path;
  int32_t label = 0;
  int64_t height = 0;
  int64_t width = 0;
  bool colour = false;
};

struct Folder {
  std::vector<Picture> pictures;
  std::vector<std::string> classes;
  int64_t ignored = 0;
};

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

bool is_png(const fs::path& path) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return end == ".png";
}

std::vector<fs::directory_entry> sorted_entries(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error))
    if (!is_hidden(at->path())) entries.push_back(*at);
  if (error)
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: the folder cannot be read: {}", folder.string(),
                  error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

// Adds the folder's own images; subfolders are returned to whoever wants them.
std::vector<fs::path> add_pictures(const fs::path& path, int32_t label, Folder& folder) {
  std::vector<fs::path> subfolders;
  for (const auto& entry : sorted_entries(path)) {
    std::error_code error;
    if (entry.is_directory(error))
      subfolders.push_back(entry.path());
    else if (is_png(entry.path()))
      folder.pictures.push_back({.path = entry.path(), .label = label});
    else
      ++folder.ignored;
  }
  return subfolders;
}

Folder list_folder(const std::string& path) {
  Folder folder;
  const auto subfolders = add_pictures(path, 0, folder);
  if (!subfolders.empty() && !folder.pictures.empty())
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: has images ({}) beside folders ({}); put every image into a class's folder, "
                  "or none",
                  path, folder.pictures.front().path.filename().string(),
                  subfolders.front().filename().string());
  for (const auto& subfolder : subfolders) {
    const size_t before = folder.pictures.size();
    const auto nested =
        add_pictures(subfolder, static_cast<int32_t>(folder.classes.size()), folder);
    if (!nested.empty())
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: is a folder inside a class; classes hold images only", nested[0].string());
    if (folder.pictures.size() == before)
      ALLMODES_FAIL(ExitCode::kDataError, "{}: the class has no PNG image", subfolder.string());
    folder.classes.push_back(subfolder.filename().string());
  }
  if (folder.pictures.empty())
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: no PNG image in the folder or in folders below it",
                  path);
  return folder;
}

// Size and colour from the first 26 bytes: signature, then the IHDR chunk.
void read_header(Picture& picture) {
  constexpr std::array<uint8_t, 16> kBegin = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                                              0,    0,   0,   13,  'I',  'H',  'D',  'R'};
  InputFile file(picture.path.string());
  std::array<uint8_t, 26> b{};
  file.read(b.data(), b.size(), "a PNG header");
  for (size_t i = 0; i < kBegin.size(); ++i)
    if (b[i] != kBegin[i])
      file.fail(i, fmt::format("not a PNG image: {:02x}, {:02x} was expected", b[i], kBegin[i]));
  const auto word = [&](size_t i) {
    return int64_t{b[i]} << 24 | int64_t{b[i + 1]} << 16 | int64_t{b[i + 2]} << 8 | b[i + 3];
  };
  picture.width = word(16);
  picture.height = word(20);
  if (picture.width < 1 || picture.height < 1 || picture.width > kMostPixelsASide ||
      picture.height > kMostPixelsASide)
    file.fail(16, fmt::format("{} x {} pixels; 1 to {} a side were expected", picture.width,
                              picture.height, kMostPixelsASide));
  picture.colour = (b[25] & PNG_COLOR_MASK_COLOR) != 0;
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class PngReader {
 public:
  PngReader() { image_.version = PNG_IMAGE_VERSION; }
  ~PngReader() { png_image_free(&image_); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  // Height x width x (colour ? 3 : 1) bytes.
  void read(const Picture& picture, bool colour, std::vector<uint8_t>& out) {
    const std::string path = picture.path.string();
    const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
    if (!file)
      ALLMODES_FAIL(ExitCode::kNoInput, "{}: cannot be opened: {}", path, std::strerror(errno));
    if (png_image_begin_read_from_stdio(&image_, file.get()) == 0) fail(path, file.get());
    if (image_.width != picture.width || image_.height != picture.height)
      ALLMODES_FAIL(ExitCode::kDataError, "{}, byte 16: changed while it was read", path);
    image_.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    image_.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    out.resize(PNG_IMAGE_SIZE(image_));
    const png_color black{};
    if (png_image_finish_read(&image_, &black, out.data(), 0, nullptr) == 0) fail(path, file.get());
    if (PNG_IMAGE_FAILED(image_)) fail(path, file.get());
  }

 private:
  [[noreturn]] void fail(const std::string& path, std::FILE* file) const {
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: the PNG image is damaged: {}", path,
                  std::ftell(file), image_.message);
  }

  png_image image_{};
};

}  // namespace

std::unique_ptr<Dataset> read_png_folder(const std::string& path, int64_t image_size) {
  Folder folder = list_folder(path);
  bool colour = false;
  for (Picture& picture : folder.pictures) {
    read_header(picture);
    colour = colour || picture.colour;
    const Picture& first = folder.pictures.front();
    if (image_size == 0 && (picture.width != first.width || picture.height != first.height))
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}, byte 16: {} x {} pixels, but {} has {} x {}; make them equal or set "
                    "data.image_size",
                    picture.path.string(), picture.width, picture.height, first.path.string(),
                    first.width, first.height);
  }
  const auto layout = [&](const Picture& picture) {
    return Layout{.shape = {.channels = colour ? 3 : 1,
                            .height = picture.height,
                            .width = picture.width,
                            .image = true},
                  .channels_last = true};
  };
  const SampleShape shape = resized_shape(layout(folder.pictures.front()).shape, image_size);
  const auto values = static_cast<size_t>(shape.values());
  require_memory(folder.pictures.size(), values, path);
  std::vector<uint8_t> pixels(folder.pictures.size() * values);
  std::vector<uint8_t> stored;
  Labels labels{.values = {}, .names = std::move(folder.classes)};
  for (size_t i = 0; i < folder.pictures.size(); ++i) {
    const Picture& picture = folder.pictures[i];
    PngReader().read(picture, colour, stored);
    prepare_sample(stored.data(), layout(picture), shape, uint8_t{0}, pixels.data() + i * values);
    if (!labels.names.empty()) labels.values.push_back(picture.label);
  }
  const std::string name =
      folder.ignored == 0
          ? path
          : fmt::format("{} ({} files that are not .png left out)", path, folder.ignored);
  return make_array_dataset(name, shape, std::move(pixels), std::move(labels));
}

}  // namespace allmodes::data

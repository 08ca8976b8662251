#include "data/pack.h"

#include <png.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/durable_file.h"
#include "base/error.h"
#include "data/containers/zip_writer.h"
#include "data/formats/npy_header.h"

namespace allmodes::data {
namespace {

constexpr int64_t kPackedAtOnce = 256;

// Calls use(first, indices) for all samples, some at a time.
template <class Use>
void for_each_block(const Dataset& dataset, const Use& use) {
  std::vector<int64_t> indices;
  for (int64_t first = 0; first < dataset.size(); first += kPackedAtOnce) {
    indices.resize(static_cast<size_t>(std::min(kPackedAtOnce, dataset.size() - first)));
    for (size_t i = 0; i < indices.size(); ++i) indices[i] = first + static_cast<int64_t>(i);
    use(std::span<const int64_t>(indices));
  }
}

std::vector<int32_t> labels_of(const Dataset& dataset) {
  std::vector<int32_t> labels;
  if (dataset.classes() == 0) return labels;
  std::vector<float> unused;
  std::vector<int64_t> block;
  for_each_block(dataset, [&](std::span<const int64_t> indices) {
    unused.resize(indices.size() * static_cast<size_t>(dataset.shape().values()));
    block.resize(indices.size());
    dataset.copy(indices, unused.data(), block.data());
    labels.insert(labels.end(), block.begin(), block.end());
  });
  return labels;
}

template <class T>
void write_samples(const Dataset& dataset, DurableFile& file) {
  std::vector<T> block;
  for_each_block(dataset, [&](std::span<const int64_t> indices) {
    block.resize(indices.size() * static_cast<size_t>(dataset.shape().values()));
    if constexpr (sizeof(T) == 1)
      dataset.copy_bytes(indices, block.data(), nullptr);
    else
      dataset.copy(indices, block.data(), nullptr);
    file.write(block.data(), block.size() * sizeof(T));
  });
}

std::vector<std::string> pack_npy(const Dataset& dataset, const std::string& path) {
  const SampleShape shape = dataset.shape();
  const std::vector<int64_t> dimensions =
      shape.image ? std::vector<int64_t>{dataset.size(), shape.channels, shape.height, shape.width}
                  : std::vector<int64_t>{dataset.size(), shape.values()};
  write_file_atomically(path, [&](DurableFile& file) {
    const std::string header = npy_header(dataset.holds_bytes() ? "|u1" : "<f4", dimensions);
    file.write(header.data(), header.size());
    dataset.holds_bytes() ? write_samples<uint8_t>(dataset, file)
                          : write_samples<float>(dataset, file);
  });
  const std::vector<int32_t> labels = labels_of(dataset);
  if (labels.empty()) return {path};
  const std::string labels_path = path.substr(0, path.size() - 4) + ".labels.npy";
  write_file_atomically(labels_path, [&](DurableFile& file) {
    const std::string header = npy_header("<i4", std::vector<int64_t>{dataset.size()});
    file.write(header.data(), header.size());
    file.write(labels.data(), labels.size() * sizeof(int32_t));
  });
  return {path, labels_path};
}

std::string png_of(const SampleShape& shape, const uint8_t* planes) {
  std::vector<uint8_t> pixels(static_cast<size_t>(shape.values()));
  const int64_t area = shape.height * shape.width;
  for (int64_t i = 0; i < area; ++i)
    for (int64_t c = 0; c < shape.channels; ++c)
      pixels[static_cast<size_t>(i * shape.channels + c)] = planes[c * area + i];
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(shape.width);
  image.height = static_cast<png_uint_32>(shape.height);
  image.format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string out(size, '\0');
  if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr) == 0)
    ALLMODES_FAIL(ExitCode::kSoftware, "a PNG picture: {}", image.message);
  out.resize(size);
  return out;
}

std::vector<std::string> pack_zip(const Dataset& dataset, const std::string& path) {
  const SampleShape shape = dataset.shape();
  if (!shape.image || !dataset.holds_bytes() || (shape.channels != 1 && shape.channels != 3))
    ALLMODES_FAIL(ExitCode::kUsage,
                  "--out {}: a zip archive holds grey or colour pictures of bytes; write .npy",
                  path);
  const std::vector<int32_t> labels = labels_of(dataset);
  write_file_atomically(path, [&](DurableFile& file) {
    ZipWriter archive(file);
    nlohmann::json entries = nlohmann::json::array();
    std::vector<uint8_t> bytes(static_cast<size_t>(shape.values()));
    for (int64_t i = 0; i < dataset.size(); ++i) {
      dataset.copy_bytes(std::span(&i, 1), bytes.data(), nullptr);
      const std::string name = fmt::format("{:05}/img{:08}.png", i / 1000, i);
      archive.add(name, png_of(shape, bytes.data()));
      if (!labels.empty()) entries.push_back({name, labels[static_cast<size_t>(i)]});
    }
    archive.add("dataset.json",
                nlohmann::json{{"labels", labels.empty() ? nlohmann::json() : entries}}.dump());
    archive.finish();
  });
  return {path};
}

}  // namespace

std::vector<std::string> pack(const Dataset& dataset, const std::string& path) {
  if (path.ends_with(".npy")) return pack_npy(dataset, path);
  if (path.ends_with(".zip")) return pack_zip(dataset, path);
  ALLMODES_FAIL(ExitCode::kUsage, "--out {}: end it with .npy or .zip", path);
}

}  // namespace allmodes::data

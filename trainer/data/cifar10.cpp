#include "data/cifar10.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "data/array_dataset.h"
#include "data/input_file.h"
#include "data/mapped_dataset.h"
#include "data/pixels.h"
#include "data/registry.h"

namespace allmodes::data {
namespace {

namespace fs = std::filesystem;

constexpr Layout kLayout{.shape = {.channels = 3, .height = 32, .width = 32, .image = true}};
constexpr uint64_t kPixels = 3 * 32 * 32;
constexpr uint64_t kRecord = 1 + kPixels;
constexpr size_t kCifarClasses = 10;
constexpr uint64_t kMostNameBytes = 64 * 1024;
constexpr const char* kRemedy =
    "data.path is to be a folder with data_batch_1.bin to data_batch_5.bin (any of them) and "
    "test_batch.bin, the binary version of CIFAR-10, unpacked";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::vector<std::string> read_names(const fs::path& path) {
  if (!is_there(path))
    return {"airplane", "automobile", "bird",  "cat",  "deer",
            "dog",      "frog",       "horse", "ship", "truck"};
  InputFile file(path.string());
  if (file.file_bytes() > kMostNameBytes || file.compressed())
    file.fail(0, "ten lines of text were expected");
  const auto text = file.read_array<char>(file.file_bytes(), "the names");
  std::vector<std::string> names;
  std::string line;
  const auto end_line = [&](uint64_t at) {
    if (!line.empty() && names.size() == kCifarClasses)
      file.fail(at - line.size(), "an eleventh class; ten were expected");
    if (!line.empty()) names.push_back(readable_name(std::exchange(line, {})));
  };
  for (uint64_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n')
      end_line(i);
    else if (text[i] != '\r')
      line += text[i];
  }
  end_line(text.size());
  if (names.size() != kCifarClasses)
    file.fail(text.size(),
              fmt::format("{} names of classes; ten were expected, one a line", names.size()));
  return names;
}

// Records of a plain file that is a whole number of them.
uint64_t records_in(const InputFile& file) {
  if (file.compressed())
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte 0: is compressed; unpack it first (gzip -dk)",
                  file.path());
  const uint64_t bytes = file.file_bytes();
  if (bytes == 0 || bytes % kRecord != 0)
    file.fail(
        bytes / kRecord * kRecord,
        fmt::format("the file ends {} bytes into record {}; records of {} bytes were expected",
                    bytes % kRecord, bytes / kRecord, kRecord));
  return bytes / kRecord;
}

int32_t checked_label(const std::string& path, uint64_t record, uint8_t label) {
  if (label >= kCifarClasses)
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: label {} of record {}; 0 to {} was expected",
                  path, record * kRecord, label, record, kCifarClasses - 1);
  return label;
}

}  // namespace

std::vector<std::string> cifar10_training_files(const std::string& folder) {
  std::vector<std::string> files;
  for (int i = 1; i <= 5; ++i) {
    const fs::path path = fs::path(folder) / fmt::format("data_batch_{}.bin", i);
    if (is_there(path)) files.push_back(path.string());
  }
  if (files.empty())
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: holds no data_batch_1.bin to data_batch_5.bin; {}",
                  folder, kRemedy);
  return files;
}

std::vector<std::string> cifar10_held_out_files(const std::string& folder) {
  const fs::path path = fs::path(folder) / "test_batch.bin";
  if (!is_there(path)) return {};
  return {path.string()};
}

std::unique_ptr<Dataset> read_cifar10(const std::string& folder,
                                      const std::vector<std::string>& files, int64_t image_size,
                                      bool memory_map, bool flip) {
  const SampleShape shape = resized_shape(kLayout.shape, image_size);
  Labels labels{.values = {}, .names = read_names(fs::path(folder) / "batches.meta.txt")};
  std::vector<uint8_t> pixels;
  std::vector<MappedSamples> parts;
  for (const std::string& path : files) {
    InputFile file(path, kRemedy);
    const uint64_t records = records_in(file);
    if (memory_map) {
      parts.push_back({.file = MappedFile(path),
                       .offset = 1,
                       .stride = kRecord,
                       .count = static_cast<int64_t>(records)});
      const MappedFile& map = parts.back().file;
      if (map.size() != file.file_bytes())
        file.fail(std::min(map.size(), file.file_bytes()), "changed while it was read");
      for (uint64_t i = 0; i < records; ++i)
        labels.values.push_back(checked_label(path, i, map.data()[i * kRecord]));
      continue;
    }
    require_memory(records, static_cast<uint64_t>(shape.values()), path);
    const auto bytes =
        file.read_array<uint8_t>(records * kRecord, fmt::format("{} records", records));
    for (uint64_t i = 0; i < records; ++i) {
      const auto record = bytes.begin() + static_cast<int64_t>(i * kRecord);
      labels.values.push_back(checked_label(path, i, *record));
      pixels.insert(pixels.end(), record + 1, record + static_cast<int64_t>(kRecord));
    }
  }
  const StoredFacts facts{.flipped = flip};
  if (memory_map)
    return make_mapped_dataset<uint8_t>("CIFAR-10", std::move(parts), kLayout, shape,
                                        std::move(labels), facts);
  return make_array_dataset("CIFAR-10", shape,
                            prepare_samples(std::move(pixels), kLayout, shape, uint8_t{0}),
                            std::move(labels), std::nullopt, facts);
}

namespace {

constexpr std::string_view kCifar10Fields[] = {"path", "image_size", "memory_map", "flip"};

std::unique_ptr<Dataset> build_cifar10(const config::Data& data, uint64_t /*seed*/, Split split) {
  const std::string& folder = needed_path(data);
  const auto files =
      split == Split::kTraining ? cifar10_training_files(folder) : cifar10_held_out_files(folder);
  if (files.empty()) return nullptr;
  return read_cifar10(folder, files, data.image_size, data.memory_map, data.flip);
}

}  // namespace

extern const DatasetRow kCifar10Dataset{
    .name = "cifar10",
    .summary = "50000 colour images 32 x 32 of animals and vehicles, 10 classes; binary batches",
    .fields = kCifar10Fields,
    .held_out = true,
    .build = build_cifar10};

}  // namespace allmodes::data

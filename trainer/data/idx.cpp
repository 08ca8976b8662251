#include "data/idx.h"

#include <algorithm>
#include <array>
#include <utility>

#include "data/mapped_dataset.h"
#include "data/npy.h"
#include "data/pixels.h"

namespace allmodes::data {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;
// More classes than this are a sign of damaged labels.
constexpr int64_t kMostClasses = 100'000;

uint64_t big_endian(const std::array<uint8_t, 4>& b) {
  return uint64_t{b[0]} << 24 | uint64_t{b[1]} << 16 | uint64_t{b[2]} << 8 | uint64_t{b[3]};
}

std::string values_of(const IdxHeader& header) {
  return fmt::format("the values of {}", bracketed(header.dimensions));
}

// Integers with their place in the file, whatever the format was.
struct RawLabels {
  std::vector<int64_t> values;
  uint64_t count_offset = 0;  // where the file states how many there are
  uint64_t values_offset = 0;
  uint64_t width = 1;  // bytes a label
};

RawLabels read_raw_labels(InputFile& file, const std::string& remedy) {
  {
    InputFile probe(file.path(), remedy);
    std::array<uint8_t, 4> magic{};
    probe.read(magic.data(), 4, "the magic number");
    if (magic[0] == 0x93) {
      NpyIntegers npy = read_npy_integers(file);
      return {std::move(npy.values), 10, npy.values_offset, npy.width};
    }
  }
  const IdxArray idx = read_idx(file);
  const auto& dimensions = idx.header.dimensions;
  if (dimensions.size() != 1)
    file.fail(3, fmt::format("labels have one dimension, the file has {} {}", dimensions.size(),
                             bracketed(dimensions)));
  return {std::vector<int64_t>(idx.values.begin(), idx.values.end()), 4, idx.header.values_offset,
          1};
}

}  // namespace

IdxHeader read_idx_header(InputFile& file) {
  std::array<uint8_t, 4> word{};
  file.read(word.data(), 4, "the idx magic number");
  if (word[0] != 0 || word[1] != 0)
    file.fail(0, fmt::format("not an idx file: it begins with {:02x} {:02x}, 00 00 was expected",
                             word[0], word[1]));
  if (word[2] != kUnsignedByte)
    file.fail(2, fmt::format("idx type 0x{:02x}; only unsigned bytes (0x08) are read", word[2]));
  const uint8_t rank = word[3];
  if (rank < 1 || rank > 4) file.fail(3, fmt::format("{} dimensions; 1 to 4 were expected", rank));
  IdxHeader header;
  for (uint8_t i = 0; i < rank; ++i) {
    const uint64_t at = file.offset();
    file.read(word.data(), 4, fmt::format("dimension {}", i));
    header.dimensions.push_back(big_endian(word));
    if (header.dimensions.back() == 0)
      file.fail(at, fmt::format("dimension {} is 0; at least 1 was expected", i));
  }
  const auto count = product(header.dimensions);
  if (!count)
    file.fail(4, fmt::format("the dimensions {} overflow; the header is wrong",
                             bracketed(header.dimensions)));
  header.values = *count;
  header.values_offset = file.offset();
  return header;
}

IdxArray read_idx(InputFile& file) {
  IdxArray array{.header = read_idx_header(file), .values = {}};
  const std::string what = values_of(array.header);
  array.values = file.read_array<uint8_t>(array.header.values, what);
  file.expect_end(what);
  return array;
}

Labels read_labels(const std::string& path, int64_t samples, std::vector<std::string> names,
                   const std::string& remedy) {
  InputFile file(path, remedy);
  const RawLabels raw = read_raw_labels(file, remedy);
  if (static_cast<int64_t>(raw.values.size()) != samples)
    file.fail(raw.count_offset,
              fmt::format("{} labels, but there are {} samples", raw.values.size(), samples));
  const int64_t classes = names.empty() ? kMostClasses : static_cast<int64_t>(names.size());
  int64_t largest = 0;
  for (size_t i = 0; i < raw.values.size(); ++i) {
    const int64_t label = raw.values[i];
    if (label < 0 || label >= classes)
      file.fail(raw.values_offset + i * raw.width,
                fmt::format("label {} of sample {}; 0 to {} was expected", label, i, classes - 1));
    largest = std::max(largest, label);
  }
  for (int64_t k = static_cast<int64_t>(names.size()); k <= largest; ++k)
    names.push_back(fmt::format("{}", k));
  return {{raw.values.begin(), raw.values.end()}, std::move(names)};
}

std::unique_ptr<Dataset> read_idx_dataset(IdxFiles files) {
  InputFile file(files.images, files.remedy);
  const IdxHeader header = read_idx_header(file);
  const auto layout = layout_of(header.dimensions);
  if (!layout || !layout->shape.image)
    file.fail(3, fmt::format("dimensions {}; [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 to 4 "
                             "channels and sides up to {} were expected",
                             bracketed(header.dimensions), kMostPixelsASide));
  const SampleShape shape = resized_shape(layout->shape, files.image_size);
  const std::string what = values_of(header);
  const uint64_t samples = header.dimensions[0];
  const auto labels = [&] {
    if (files.labels.empty()) return Labels{};
    return read_labels(files.labels, static_cast<int64_t>(samples), std::move(files.class_names),
                       files.remedy);
  };
  if (files.memory_map) {
    file.expect_mappable(header.values, 1, what);
    std::vector<MappedSamples> parts;
    parts.push_back({.file = MappedFile(files.images),
                     .offset = header.values_offset,
                     .stride = static_cast<uint64_t>(layout->shape.values()),
                     .count = static_cast<int64_t>(samples)});
    return make_mapped_dataset<uint8_t>(files.name, std::move(parts), *layout, shape, labels());
  }
  std::vector<uint8_t> values = file.read_array<uint8_t>(header.values, what);
  file.expect_end(what);
  require_memory(samples, static_cast<uint64_t>(shape.values()), files.images);
  return make_array_dataset(
      files.name, shape, prepare_samples(std::move(values), *layout, shape, uint8_t{0}), labels());
}

}  // namespace allmodes::data

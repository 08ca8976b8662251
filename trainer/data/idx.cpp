#include "data/idx.h"

#include <array>
#include <utility>

#include "base/field_error.h"
#include "data/formats/foreign.h"
#include "data/labels.h"
#include "data/mapped_dataset.h"
#include "data/pixels.h"
#include "data/registry.h"

namespace allmodes::data {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;
uint64_t big_endian(const std::array<uint8_t, 4>& b) {
  return uint64_t{b[0]} << 24 | uint64_t{b[1]} << 16 | uint64_t{b[2]} << 8 | uint64_t{b[3]};
}

std::string values_of(const IdxHeader& header) {
  return fmt::format("the values of {}", bracketed(header.dimensions));
}

// What data is that begins as no idx file does, `word` and what follows it.
std::string beginning_of(InputFile& file, const std::array<uint8_t, 4>& word) {
  std::vector<uint8_t> bytes(word.begin(), word.end());
  uint8_t next = 0;
  try {
    for (int i = 0; i < 256; ++i) {
      file.read(&next, 1, "");
      bytes.push_back(next);
    }
  } catch (const Error&) {
    // The file ends here, and so does what can be said of it.
  }
  const ForeignFormat found = foreign_format(bytes);
  if (!file.compressed()) return found.what + found.remedy;
  return found.what == "gzip data" ? "gzip data packed as gzip once more; unpack it once (gzip -d)"
                                   : found.what + ", packed as gzip";
}

}  // namespace

IdxHeader read_idx_header(InputFile& file) {
  std::array<uint8_t, 4> word{};
  file.read(word.data(), 4, "the idx magic number");
  if (word[0] != 0 || word[1] != 0)
    file.fail(0, fmt::format("not an idx file: it is {}", beginning_of(file, word)));
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
    return of_field("labels", [&] {
      return read_labels(files.labels, static_cast<int64_t>(samples), std::move(files.class_names),
                         files.remedy);
    });
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

namespace {

constexpr std::string_view kIdxFields[] = {"path", "labels", "image_size", "memory_map"};

}  // namespace

extern const DatasetRow kIdxDataset{.name = "idx",
                                    .summary = "images (and labels) in idx files, plain or gzip",
                                    .fields = kIdxFields,
                                    .held_out = false,
                                    .build = [](const config::Data& d, uint64_t, Split) {
                                      return read_idx_dataset({.name = needed_path(d),
                                                               .images = d.path,
                                                               .labels = d.labels,
                                                               .image_size = d.image_size,
                                                               .memory_map = d.memory_map});
                                    }};

}  // namespace allmodes::data

#include "data/labels.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.h"
#include "data/formats/array_file.h"
#include "data/idx.h"
#include "data/pixels.h"

namespace allmodes::data {
namespace {

// More classes than this are a sign of damaged labels.
constexpr int64_t kMostClasses = 100'000;

// Integers with their place in the file, whatever the format was.
struct RawLabels {
  std::vector<int64_t> values;
  uint64_t count_offset = 0;  // where the file states how many there are
  uint64_t values_offset = 0;
  uint64_t width = 1;                   // bytes a label
  std::vector<std::string> names = {};  // of texts
};

RawLabels number_texts(const std::vector<std::string>& texts) {
  const std::set<std::string> different(texts.begin(), texts.end());
  RawLabels raw;
  raw.names.assign(different.begin(), different.end());
  for (const std::string& text : texts)
    raw.values.push_back(std::ranges::lower_bound(raw.names, text) - raw.names.begin());
  return raw;
}

// The place of the one 1 in each row.
std::vector<int64_t> places_of_ones(const ArrayFile& array, const std::vector<int64_t>& rows) {
  const uint64_t width = array.shape[1];
  std::vector<int64_t> out;
  for (uint64_t row = 0; row < array.shape[0]; ++row) {
    int64_t label = -1;
    int64_t sum = 0;
    for (uint64_t k = 0; k < width; ++k) {
      const int64_t value = rows[row * width + k];
      sum += value == 0 ? 0 : value == 1 ? 1 : 2;
      if (value == 1) label = static_cast<int64_t>(k);
    }
    if (sum != 1)
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: row {} of the labels {}: a single 1 among zeros was expected",
                    array.file.path(), row, bracketed(array.shape));
    out.push_back(label);
  }
  return out;
}

RawLabels read_array_labels(const std::string& path) {
  ArrayFile array = open_array(path);
  const bool one_hot = array.shape.size() == 2 && array.shape[1] > 1;
  const bool column = array.shape.size() == 2 && array.shape[1] == 1;
  if (array.shape.size() != 1 && !column && (!one_hot || array.type.text()))
    array.file.fail(10, fmt::format("labels have one dimension (or [N, classes], one 1 a row), the "
                                    "array is {}",
                                    bracketed(array.shape)));
  const uint64_t offset = array.file.offset();
  if (array.type.text()) return number_texts(read_text_array(array));
  std::vector<int64_t> values = read_integer_array(array);
  if (one_hot) values = places_of_ones(array, values);
  return {.values = std::move(values),
          .count_offset = 10,
          .values_offset = offset,
          .width = one_hot ? array.type.bytes * array.shape[1] : array.type.bytes};
}

bool begins_as_idx(const std::string& path, const std::string& remedy) {
  InputFile probe(path, remedy);
  std::array<uint8_t, 2> magic{};
  probe.read(magic.data(), 2, "the magic number");
  return magic[0] == 0 && magic[1] == 0;
}

RawLabels read_idx_labels(const std::string& path) {
  InputFile file(path);
  const IdxArray idx = read_idx(file);
  const auto& dimensions = idx.header.dimensions;
  if (dimensions.size() != 1)
    file.fail(3, fmt::format("labels have one dimension, the file has {} {}", dimensions.size(),
                             bracketed(dimensions)));
  return {.values = std::vector<int64_t>(idx.values.begin(), idx.values.end()),
          .count_offset = 4,
          .values_offset = idx.header.values_offset};
}

}  // namespace

Labels read_labels(const std::string& path, int64_t samples, std::vector<std::string> names,
                   const std::string& remedy) {
  const bool named =
      path.find(".npz:") != std::string::npos || path.find(".safetensors") != std::string::npos;
  RawLabels raw =
      !named && begins_as_idx(path, remedy) ? read_idx_labels(path) : read_array_labels(path);
  const auto fail = [&](uint64_t at, const std::string& message) {
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: {}", path, at, message);
  };
  if (static_cast<int64_t>(raw.values.size()) != samples)
    fail(raw.count_offset,
         fmt::format("{} labels, but there are {} samples", raw.values.size(), samples));
  if (!raw.names.empty()) names = std::move(raw.names);
  for (std::string& name : names) name = readable_name(name);
  const int64_t classes = names.empty() ? kMostClasses : static_cast<int64_t>(names.size());
  int64_t largest = 0;
  for (size_t i = 0; i < raw.values.size(); ++i) {
    const int64_t label = raw.values[i];
    if (label < 0 || label >= classes)
      fail(raw.values_offset + i * raw.width,
           fmt::format("label {} of sample {}; 0 to {} was expected", label, i, classes - 1));
    largest = std::max(largest, label);
  }
  for (int64_t k = static_cast<int64_t>(names.size()); k <= largest; ++k)
    names.push_back(fmt::format("{}", k));
  return {{raw.values.begin(), raw.values.end()}, std::move(names)};
}

}  // namespace allmodes::data

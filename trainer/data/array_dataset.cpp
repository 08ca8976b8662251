#include "data/array_dataset.h"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace allmodes::data {
namespace {

constexpr float kByteScale = 1.0f / 127.5f;

constexpr float scaled(uint8_t byte) {
  return (static_cast<float>(byte) - 127.5f) * kByteScale;
}
static_assert(scaled(0) == -1.0f && scaled(255) == 1.0f);

// Arithmetic on blocks of 16 vectorizes and is faster than a table of 256; subtracting first leaves
// nothing to fuse, so every instruction set gives the same bits.
void convert(const uint8_t* in, int64_t count, float* __restrict out) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int j = 0; j < 16; ++j) out[i + j] = scaled(in[i + j]);
  for (; i < count; ++i) out[i] = scaled(in[i]);
}

void convert(const float* in, int64_t count, float* __restrict out) {
  std::memcpy(out, in, static_cast<size_t>(count) * sizeof(float));
}

template <class T>
uint64_t content_hash(const SampleShape& shape, const std::vector<T>& values,
                      const std::vector<int32_t>& labels) {
  const uint64_t header[] = {static_cast<uint64_t>(shape.channels),
                             static_cast<uint64_t>(shape.height),
                             static_cast<uint64_t>(shape.width),
                             shape.image ? 1U : 0U,
                             sizeof(T),
                             labels.size(),
                             XXH3_64bits(values.data(), values.size() * sizeof(T)),
                             XXH3_64bits(labels.data(), labels.size() * sizeof(int32_t))};
  return XXH3_64bits(header, sizeof header);
}

template <class T>
class ArrayDataset final : public Dataset {
 public:
  ArrayDataset(const std::string& name, const SampleShape& shape, std::vector<T> values,
               Labels labels, std::optional<Mixture> mixture)
      : shape_(shape),
        values_(std::move(values)),
        labels_(std::move(labels)),
        mixture_(std::move(mixture)),
        size_(static_cast<int64_t>(values_.size()) / shape.values()),
        fingerprint_(content_hash(shape_, values_, labels_.values)) {
    const char* kind = shape.image ? "images" : "points";
    const std::string extent =
        shape.image ? fmt::format("{} x {} x {}", shape.channels, shape.height, shape.width)
                    : fmt::format("in {} dimensions", shape.values());
    const std::string classes = labels_.names.empty() ? "unlabelled"
                                : mixture_ ? fmt::format("{} modes", labels_.names.size())
                                           : fmt::format("{} classes", labels_.names.size());
    description_ = fmt::format("{}: {} {} {}, {}", name, size_, kind, extent, classes);
  }

  std::string description() const override { return description_; }
  int64_t size() const override { return size_; }
  SampleShape shape() const override { return shape_; }
  int64_t classes() const override { return static_cast<int64_t>(labels_.names.size()); }
  std::vector<std::string> class_names() const override { return labels_.names; }
  uint64_t fingerprint() const override { return fingerprint_; }
  const Mixture* mixture() const override { return mixture_ ? &*mixture_ : nullptr; }

  void copy(std::span<const int64_t> indices, float* samples, int64_t* labels) const override {
    const int64_t values = shape_.values();
    for (const int64_t index : indices) {
      ALLMODES_CHECK(index >= 0 && index < size_, "sample {} of {}", index, size_);
      convert(values_.data() + index * values, values, samples);
      samples += values;
      if (labels != nullptr)
        *labels++ = labels_.values.empty() ? 0 : labels_.values[static_cast<size_t>(index)];
    }
  }

 private:
  SampleShape shape_;
  std::vector<T> values_;
  Labels labels_;
  std::optional<Mixture> mixture_;
  int64_t size_;
  uint64_t fingerprint_;
  std::string description_;
};

}  // namespace

template <class T>
std::unique_ptr<Dataset> make_array_dataset(const std::string& name, const SampleShape& shape,
                                            std::vector<T> values, Labels labels,
                                            std::optional<Mixture> mixture) {
  ALLMODES_CHECK(shape.values() >= 1 && !values.empty(), "'{}' is empty", name);
  const auto width = static_cast<size_t>(shape.values());
  ALLMODES_CHECK(values.size() % width == 0, "'{}': {} values in samples of {}", name,
                 values.size(), width);
  ALLMODES_CHECK(
      labels.names.empty() ? labels.values.empty() : labels.values.size() == values.size() / width,
      "'{}': {} labels of {} classes for {} samples", name, labels.values.size(),
      labels.names.size(), values.size() / width);
  return std::make_unique<ArrayDataset<T>>(name, shape, std::move(values), std::move(labels),
                                           std::move(mixture));
}

template std::unique_ptr<Dataset> make_array_dataset(const std::string&, const SampleShape&,
                                                     std::vector<uint8_t>, Labels,
                                                     std::optional<Mixture>);
template std::unique_ptr<Dataset> make_array_dataset(const std::string&, const SampleShape&,
                                                     std::vector<float>, Labels,
                                                     std::optional<Mixture>);

void require_memory(uint64_t count, uint64_t bytes, const std::string& what) {
  const uint64_t memory =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (bytes != 0 && count > memory / bytes)
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: {} samples of {} bytes do not fit into this machine's memory of {} MiB",
                  what, count, bytes, memory >> 20);
}

}  // namespace allmodes::data

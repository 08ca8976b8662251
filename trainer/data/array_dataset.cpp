#include "data/array_dataset.h"

#include <unistd.h>

#include <utility>

#include "base/error.h"

namespace allmodes::data {
namespace {

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
        description_(describe(name, size_, shape, static_cast<int64_t>(labels_.names.size()),
                              mixture_ ? "modes" : "classes")) {
    ContentHash hash;
    hash.add(values_.data(), values_.size() * sizeof(T));
    fingerprint_ = hash.finish(shape_, sizeof(T), labels_);
  }

  std::string description() const override { return description_; }
  int64_t size() const override { return size_; }
  SampleShape shape() const override { return shape_; }
  int64_t classes() const override { return static_cast<int64_t>(labels_.names.size()); }
  std::vector<std::string> class_names() const override { return labels_.names; }
  uint64_t fingerprint() const override { return fingerprint_; }
  const Mixture* mixture() const override { return mixture_ ? &*mixture_ : nullptr; }

  void copy(std::span<const int64_t> indices, float* samples, int64_t* labels) const override {
    copy_as(indices, samples, labels);
  }
  bool holds_bytes() const override { return sizeof(T) == 1; }
  void copy_bytes(std::span<const int64_t> indices, uint8_t* samples,
                  int64_t* labels) const override {
    if constexpr (sizeof(T) == 1) {
      copy_as(indices, samples, labels);
    } else {
      Dataset::copy_bytes(indices, samples, labels);
    }
  }

 private:
  template <class Out>
  void copy_as(std::span<const int64_t> indices, Out* samples, int64_t* labels) const {
    const int64_t values = shape_.values();
    for (const int64_t index : indices) {
      ALLMODES_CHECK(index >= 0 && index < size_, "sample {} of {}", index, size_);
      to_samples(values_.data() + index * values, values, samples);
      samples += values;
      if (labels != nullptr)
        *labels++ = labels_.values.empty() ? 0 : labels_.values[static_cast<size_t>(index)];
    }
  }

  SampleShape shape_;
  std::vector<T> values_;
  Labels labels_;
  std::optional<Mixture> mixture_;
  int64_t size_;
  std::string description_;
  uint64_t fingerprint_ = 0;
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

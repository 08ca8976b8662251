#include "data/array_dataset.h"

#include <utility>

#include "base/available_memory.h"
#include "base/error.h"
#include "data/stored_dataset.h"

namespace allmodes::data {
namespace {

template <class T>
class ArrayDataset final : public StoredDataset<T, ArrayDataset<T>> {
 public:
  ArrayDataset(const std::string& name, const SampleShape& shape, std::vector<T> values,
               Labels labels, std::optional<Mixture> mixture, StoredFacts facts)
      : StoredDataset<T, ArrayDataset>(shape, std::move(labels), std::move(facts)),
        values_(std::move(values)),
        mixture_(std::move(mixture)) {
    this->size_ = std::ssize(values_) / shape.values();
    this->description_ =
        describe(name, this->size_, shape, this->classes(), mixture_ ? "modes" : "classes");
    ContentHash hash;
    hash.add(values_.data(), values_.size() * sizeof(T));
    this->fingerprint_ = hash.finish(shape, sizeof(T), this->labels_);
  }

  const Mixture* mixture() const override { return mixture_ ? &*mixture_ : nullptr; }

  auto reader() const {
    return [this, values = this->shape_.values()](int64_t index) {
      return values_.data() + index * values;
    };
  }

 private:
  std::vector<T> values_;
  std::optional<Mixture> mixture_;
};

}  // namespace

template <class T>
std::unique_ptr<Dataset> make_array_dataset(const std::string& name, const SampleShape& shape,
                                            std::vector<T> values, Labels labels,
                                            std::optional<Mixture> mixture, StoredFacts facts) {
  ALLMODES_CHECK(shape.values() >= 1 && !values.empty(), "'{}' is empty", name);
  const auto width = static_cast<size_t>(shape.values());
  ALLMODES_CHECK(values.size() % width == 0, "'{}': {} values in samples of {}", name,
                 values.size(), width);
  ALLMODES_CHECK(
      labels.names.empty() ? labels.values.empty() : labels.values.size() == values.size() / width,
      "'{}': {} labels of {} classes for {} samples", name, labels.values.size(),
      labels.names.size(), values.size() / width);
  return std::make_unique<ArrayDataset<T>>(name, shape, std::move(values), std::move(labels),
                                           std::move(mixture), std::move(facts));
}

template std::unique_ptr<Dataset> make_array_dataset(const std::string&, const SampleShape&,
                                                     std::vector<uint8_t>, Labels,
                                                     std::optional<Mixture>, StoredFacts);
template std::unique_ptr<Dataset> make_array_dataset(const std::string&, const SampleShape&,
                                                     std::vector<float>, Labels,
                                                     std::optional<Mixture>, StoredFacts);

void require_memory(uint64_t count, uint64_t bytes, const std::string& what) {
  const uint64_t memory = available_memory();
  if (bytes != 0 && count > memory / bytes)
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: {} samples of {} bytes do not fit into the {} MiB of memory that are free "
                  "for this process",
                  what, count, bytes, memory >> 20);
}

}  // namespace allmodes::data

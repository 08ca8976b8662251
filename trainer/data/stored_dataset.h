#pragma once

// What data sets of stored numbers, in memory or mapped, have in common as data sets.

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/content.h"

namespace allmodes::data {

// What is known of a set besides its samples.
struct StoredFacts {
  std::vector<std::string> remarks = {};  // as Dataset::remarks()
  bool flipped = false;                   // as Dataset::flipped()
  std::vector<int64_t> shard_sizes = {};  // as Dataset::shard_sizes()
  ColumnScale scale = {};                 // of tables
  std::vector<int64_t> dimensions = {};   // as Dataset::sample_dimensions(); empty: the shape's
};

// Of numbers of type T: bytes, or floats. `Derived` has a function reader(), whose result gives the
// place of a sample's numbers by its index, until the next one is asked for. It sets what is
// protected here.
template <class T, class Derived>
class StoredDataset : public Dataset {
 public:
  std::string description() const override { return description_; }
  int64_t size() const override { return size_; }
  SampleShape shape() const override { return shape_; }
  int64_t classes() const override { return std::ssize(labels_.names); }
  std::vector<std::string> class_names() const override { return labels_.names; }
  uint64_t fingerprint() const override { return fingerprint_; }
  std::vector<std::string> remarks() const override { return facts_.remarks; }
  bool flipped() const override { return facts_.flipped; }
  std::vector<int64_t> shard_sizes() const override { return facts_.shard_sizes; }
  const ColumnScale* column_scale() const override {
    return facts_.scale.names.empty() ? nullptr : &facts_.scale;
  }
  std::vector<int64_t> sample_dimensions() const override {
    return facts_.dimensions.empty() ? Dataset::sample_dimensions() : facts_.dimensions;
  }
  std::vector<int64_t> existing_classes() const override { return existing_; }

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

 protected:
  StoredDataset(const SampleShape& shape, Labels labels, StoredFacts facts = {})
      : shape_(shape), labels_(std::move(labels)), facts_(std::move(facts)) {
    std::vector<uint8_t> seen(labels_.names.size(), 0);
    for (const int32_t label : labels_.values) seen[static_cast<size_t>(label)] = 1;
    for (size_t k = 0; k < seen.size(); ++k)
      if (seen[k] != 0) existing_.push_back(static_cast<int64_t>(k));
  }

  SampleShape shape_;
  Labels labels_;
  StoredFacts facts_;
  std::vector<int64_t> existing_;
  int64_t size_ = 0;
  std::string description_;
  uint64_t fingerprint_ = 0;

 private:
  template <class Out>
  void copy_as(std::span<const int64_t> indices, Out* samples, int64_t* labels) const {
    auto place_of = static_cast<const Derived*>(this)->reader();
    for (const int64_t index : indices) {
      ALLMODES_CHECK(index >= 0 && index < size_, "sample {} of {}", index, size_);
      to_samples(place_of(index), shape_.values(), samples);
      samples += shape_.values();
      if (labels != nullptr)
        *labels++ = labels_.values.empty() ? 0 : labels_.values[static_cast<size_t>(index)];
    }
  }
};

}  // namespace allmodes::data

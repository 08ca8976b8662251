#include "data/stacked.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <utility>

#include "base/error.h"
#include "data/content.h"

namespace allmodes::data {
namespace {

constexpr int64_t kChannels = 3;
constexpr int64_t kDigits = 10;
constexpr int64_t kStackedClasses = kDigits * kDigits * kDigits;

class StackedDataset final : public Dataset {
 public:
  StackedDataset(const std::string& name, std::unique_ptr<Dataset> digits, int64_t samples,
                 uint64_t seed, Purpose purpose)
      : digits_(std::move(digits)),
        shape_(digits_->shape()),
        size_(samples),
        key_{.seed = seed, .purpose = purpose} {
    shape_.channels = kChannels;
    const uint64_t content[] = {digits_->fingerprint(), purpose.value, seed,
                                static_cast<uint64_t>(samples)};
    fingerprint_ = XXH3_64bits(content, sizeof content);
    description_ = fmt::format("{} of {} digits", describe(name, size_, shape_, kStackedClasses),
                               digits_->size());
  }

  std::string description() const override { return description_; }
  int64_t size() const override { return size_; }
  SampleShape shape() const override { return shape_; }
  int64_t classes() const override { return kStackedClasses; }
  uint64_t fingerprint() const override { return fingerprint_; }
  const Dataset* channel_base() const override { return digits_.get(); }

  std::vector<std::string> class_names() const override {
    std::vector<std::string> names;
    names.reserve(kStackedClasses);
    for (int64_t k = 0; k < kStackedClasses; ++k) names.push_back(fmt::format("{:03}", k));
    return names;
  }

  void copy(std::span<const int64_t> indices, float* samples, int64_t* labels) const override {
    stack(indices, labels, [&](std::span<const int64_t> digits, int64_t* classes) {
      digits_->copy(digits, samples, classes);
    });
  }
  bool holds_bytes() const override { return digits_->holds_bytes(); }
  void copy_bytes(std::span<const int64_t> indices, uint8_t* samples,
                  int64_t* labels) const override {
    stack(indices, labels, [&](std::span<const int64_t> digits, int64_t* classes) {
      digits_->copy_bytes(digits, samples, classes);
    });
  }

 private:
  // Copies the digits of the samples by `copy_digits`.
  template <class CopyDigits>
  void stack(std::span<const int64_t> indices, int64_t* labels, CopyDigits copy_digits) const {
    std::vector<int64_t> digits;
    digits.reserve(indices.size() * kChannels);
    for (const int64_t index : indices) {
      ALLMODES_CHECK(index >= 0 && index < size_, "sample {} of {}", index, size_);
      Random random(key_, static_cast<uint64_t>(index));
      for (int64_t c = 0; c < kChannels; ++c)
        digits.push_back(
            static_cast<int64_t>(random.below(static_cast<uint64_t>(digits_->size()))));
    }
    // Channels first: the digits of a sample lie one behind the other, as the base copies them.
    std::vector<int64_t> classes(labels != nullptr ? digits.size() : 0);
    copy_digits(digits, labels != nullptr ? classes.data() : nullptr);
    if (labels == nullptr) return;
    for (size_t i = 0; i < indices.size(); ++i) {
      int64_t label = 0;
      for (size_t c = 0; c < kChannels; ++c) label = label * kDigits + classes[i * kChannels + c];
      labels[i] = label;
    }
  }

  std::unique_ptr<Dataset> digits_;
  SampleShape shape_;
  int64_t size_;
  NoiseKey key_;
  uint64_t fingerprint_ = 0;
  std::string description_;
};

}  // namespace

std::unique_ptr<Dataset> make_stacked_dataset(const std::string& name,
                                              std::unique_ptr<Dataset> digits, int64_t samples,
                                              uint64_t seed, Purpose purpose) {
  const SampleShape shape = digits->shape();
  if (!shape.image || shape.channels != 1 || digits->classes() != kDigits)
    ALLMODES_FAIL(ExitCode::kDataError,
                  "'{}' is made of grey images of {} classes; there are {} channels and {} classes",
                  name, kDigits, shape.channels, digits->classes());
  ALLMODES_CHECK(samples >= 1 && samples < int64_t{1} << 48, "{} samples", samples);
  return std::make_unique<StackedDataset>(name, std::move(digits), samples, seed, purpose);
}

}  // namespace allmodes::data

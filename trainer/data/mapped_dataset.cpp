#include "data/mapped_dataset.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace allmodes::data {
namespace {

template <class T>
constexpr T kBlack = std::is_same_v<T, float> ? T(-1) : T(0);

template <class T>
class MappedDataset final : public Dataset {
 public:
  MappedDataset(const std::string& name, std::vector<MappedSamples> parts, const Layout& layout,
                const SampleShape& shape, Labels labels)
      : parts_(std::move(parts)),
        layout_(layout),
        shape_(shape),
        prepared_(is_prepared(layout, shape)),
        labels_(std::move(labels)) {
    for (const MappedSamples& part : parts_) {
      check(part);
      size_ += part.count;
    }
    ALLMODES_CHECK(size_ >= 1, "'{}' is empty", name);
    ALLMODES_CHECK(labels_.names.empty() ? labels_.values.empty()
                                         : std::cmp_equal(labels_.values.size(), size_),
                   "'{}': {} labels for {} samples", name, labels_.values.size(), size_);
    description_ =
        describe(name, size_, shape_, static_cast<int64_t>(labels_.names.size())) + ", mapped";
    read_through();
  }

  std::string description() const override { return description_; }
  int64_t size() const override { return size_; }
  SampleShape shape() const override { return shape_; }
  int64_t classes() const override { return static_cast<int64_t>(labels_.names.size()); }
  std::vector<std::string> class_names() const override { return labels_.names; }
  uint64_t fingerprint() const override { return fingerprint_; }

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
    Scratch scratch = make_scratch();
    for (const int64_t index : indices) {
      ALLMODES_CHECK(index >= 0 && index < size_, "sample {} of {}", index, size_);
      to_samples(prepared(place_of(index), scratch), shape_.values(), samples);
      samples += shape_.values();
      if (labels != nullptr)
        *labels++ = labels_.values.empty() ? 0 : labels_.values[static_cast<size_t>(index)];
    }
  }

  struct Scratch {
    std::vector<T> stored;    // aligned
    std::vector<T> prepared;  // of the data set's shape
  };

  uint64_t sample_bytes() const {
    return static_cast<uint64_t>(layout_.shape.values()) * sizeof(T);
  }

  void check(const MappedSamples& part) const {
    const uint64_t size = part.file.size();
    const uint64_t bytes = sample_bytes();
    ALLMODES_CHECK(
        part.count >= 1 && part.stride >= bytes && part.offset <= size &&
            bytes <= size - part.offset &&
            static_cast<uint64_t>(part.count - 1) <= (size - part.offset - bytes) / part.stride,
        "{}: {} samples of {} bytes from byte {}, {} apart, in {} bytes", part.file.path(),
        part.count, bytes, part.offset, part.stride, size);
  }

  Scratch make_scratch() const {
    Scratch scratch;
    if (sizeof(T) > 1) scratch.stored.resize(static_cast<size_t>(layout_.shape.values()));
    if (!prepared_) scratch.prepared.resize(static_cast<size_t>(shape_.values()));
    return scratch;
  }

  const uint8_t* place_of(int64_t index) const {
    for (const MappedSamples& part : parts_) {
      if (index < part.count)
        return part.file.data() + part.offset + static_cast<uint64_t>(index) * part.stride;
      index -= part.count;
    }
    ALLMODES_CHECK(false, "sample {} behind the last", index);
  }

  // The sample stored at `place`, in the data set's shape: in the map itself or in `scratch`.
  const T* prepared(const uint8_t* place, Scratch& scratch) const {
    const T* in = nullptr;
    if constexpr (sizeof(T) == 1) {
      in = place;
    } else {
      std::memcpy(scratch.stored.data(), place, sample_bytes());
      in = scratch.stored.data();
    }
    if (prepared_) return in;
    prepare_sample(in, layout_, shape_, kBlack<T>, scratch.prepared.data());
    return scratch.prepared.data();
  }

  void check_values(const MappedSamples& part, const uint8_t* place, Scratch& scratch) const {
    if constexpr (std::is_same_v<T, float>) {
      std::memcpy(scratch.stored.data(), place, sample_bytes());
      for (size_t i = 0; i < scratch.stored.size(); ++i)
        if (const auto message = misfit(scratch.stored[i], layout_.shape.image))
          ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: {}", part.file.path(),
                        static_cast<uint64_t>(place - part.file.data()) + i * sizeof(T), *message);
    }
  }

  // One pass over all files: checks the values and takes the fingerprint.
  void read_through() {
    ContentHash hash;
    Scratch scratch = make_scratch();
    for (const MappedSamples& part : parts_) {
      part.file.expect_sequential();
      for (int64_t i = 0; i < part.count; ++i) {
        const uint8_t* place =
            part.file.data() + part.offset + static_cast<uint64_t>(i) * part.stride;
        check_values(part, place, scratch);
        hash.add(prepared(place, scratch), static_cast<size_t>(shape_.values()) * sizeof(T));
      }
      part.file.expect_random();
    }
    fingerprint_ = hash.finish(shape_, sizeof(T), labels_);
  }

  std::vector<MappedSamples> parts_;
  Layout layout_;
  SampleShape shape_;
  bool prepared_;  // samples lie in the file as they are wanted
  Labels labels_;
  int64_t size_ = 0;
  uint64_t fingerprint_ = 0;
  std::string description_;
};

}  // namespace

template <class T>
std::unique_ptr<Dataset> make_mapped_dataset(const std::string& name,
                                             std::vector<MappedSamples> parts, const Layout& layout,
                                             const SampleShape& shape, Labels labels) {
  return std::make_unique<MappedDataset<T>>(name, std::move(parts), layout, shape,
                                            std::move(labels));
}

template std::unique_ptr<Dataset> make_mapped_dataset<uint8_t>(const std::string&,
                                                               std::vector<MappedSamples>,
                                                               const Layout&, const SampleShape&,
                                                               Labels);
template std::unique_ptr<Dataset> make_mapped_dataset<float>(const std::string&,
                                                             std::vector<MappedSamples>,
                                                             const Layout&, const SampleShape&,
                                                             Labels);

}  // namespace allmodes::data

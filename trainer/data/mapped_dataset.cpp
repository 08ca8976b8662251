#include "data/mapped_dataset.h"

#include <cstring>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "data/stored_dataset.h"

namespace allmodes::data {
namespace {

template <class T>
constexpr T kBlack = std::is_same_v<T, float> ? T(-1) : T(0);

template <class T>
class MappedDataset final : public StoredDataset<T, MappedDataset<T>> {
 public:
  MappedDataset(const std::string& name, std::vector<MappedSamples> parts, const Layout& layout,
                const SampleShape& shape, Labels labels, StoredFacts facts,
                std::optional<uint64_t> fingerprint)
      : StoredDataset<T, MappedDataset>(shape, std::move(labels), std::move(facts)),
        parts_(std::move(parts)),
        layout_(layout),
        prepared_(is_prepared(layout, shape)) {
    for (const MappedSamples& part : parts_) {
      check(part);
      size_ += part.count;
    }
    ALLMODES_CHECK(size_ >= 1, "'{}' is empty", name);
    ALLMODES_CHECK(labels_.names.empty() ? labels_.values.empty()
                                         : std::cmp_equal(labels_.values.size(), size_),
                   "'{}': {} labels for {} samples", name, labels_.values.size(), size_);
    this->description_ = describe(name, size_, shape_, this->classes()) + ", mapped";
    if (fingerprint) {
      this->fingerprint_ = *fingerprint;
      for (const MappedSamples& part : parts_) part.file.expect_random();
    } else {
      read_through();
    }
  }

  auto reader() const {
    return [this, scratch = make_scratch()](int64_t index) mutable {
      return prepared(place_of(index), scratch);
    };
  }

 private:
  using Base = StoredDataset<T, MappedDataset>;
  using Base::labels_;
  using Base::shape_;
  using Base::size_;

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
    this->fingerprint_ = hash.finish(shape_, sizeof(T), labels_);
  }

  std::vector<MappedSamples> parts_;
  Layout layout_;
  bool prepared_;  // samples lie in the file as they are wanted
};

}  // namespace

template <class T>
std::unique_ptr<Dataset> make_mapped_dataset(const std::string& name,
                                             std::vector<MappedSamples> parts, const Layout& layout,
                                             const SampleShape& shape, Labels labels,
                                             StoredFacts facts,
                                             std::optional<uint64_t> fingerprint) {
  return std::make_unique<MappedDataset<T>>(name, std::move(parts), layout, shape,
                                            std::move(labels), std::move(facts), fingerprint);
}

template std::unique_ptr<Dataset> make_mapped_dataset<uint8_t>(const std::string&,
                                                               std::vector<MappedSamples>,
                                                               const Layout&, const SampleShape&,
                                                               Labels, StoredFacts,
                                                               std::optional<uint64_t>);
template std::unique_ptr<Dataset> make_mapped_dataset<float>(const std::string&,
                                                             std::vector<MappedSamples>,
                                                             const Layout&, const SampleShape&,
                                                             Labels, StoredFacts,
                                                             std::optional<uint64_t>);

}  // namespace allmodes::data

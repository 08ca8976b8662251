#include "data/lazy_pictures.h"

#include <unistd.h>

#include <utility>

namespace allmodes::data {
namespace {

class LazyPictures final : public StoredDataset<uint8_t, LazyPictures> {
 public:
  LazyPictures(const std::string& name, std::shared_ptr<const PictureSource> source,
               std::shared_ptr<Workers> workers, Labels labels, uint64_t fingerprint,
               StoredFacts facts)
      : StoredDataset(source->shape(), std::move(labels), std::move(facts)),
        source_(std::move(source)),
        workers_(std::move(workers)) {
    size_ = source_->size();
    description_ = describe(name, size_, shape_, classes()) +
                   fmt::format(", decoded by {} threads as they are needed", workers_->threads());
    fingerprint_ = fingerprint;
  }

  void copy(std::span<const int64_t> indices, float* samples, int64_t* labels) const override {
    decode(indices, samples, labels);
  }
  void copy_bytes(std::span<const int64_t> indices, uint8_t* samples,
                  int64_t* labels) const override {
    decode(indices, samples, labels);
  }

  // For one caller, one picture after the other.
  auto reader() const {
    return [this, bytes = std::vector<uint8_t>(static_cast<size_t>(shape_.values()))](
               int64_t index) mutable -> const uint8_t* {
      source_->read(index, bytes.data());
      return bytes.data();
    };
  }

 private:
  template <class Out>
  void decode(std::span<const int64_t> indices, Out* samples, int64_t* labels) const {
    const int64_t values = shape_.values();
    for (const int64_t index : indices)
      ALLMODES_CHECK(index >= 0 && index < size_, "sample {} of {}", index, size_);
    workers_->run(std::ssize(indices), [&](int64_t i) {
      const int64_t index = indices[static_cast<size_t>(i)];
      if constexpr (sizeof(Out) == 1) {
        source_->read(index, samples + i * values);
      } else {
        std::vector<uint8_t> bytes(static_cast<size_t>(values));
        source_->read(index, bytes.data());
        to_samples(bytes.data(), values, samples + i * values);
      }
    });
    if (labels == nullptr) return;
    for (const int64_t index : indices)
      *labels++ = labels_.values.empty() ? 0 : labels_.values[static_cast<size_t>(index)];
  }

  std::shared_ptr<const PictureSource> source_;
  std::shared_ptr<Workers> workers_;
};

}  // namespace

bool keeps_in_memory(const config::Data& data, int64_t size, const SampleShape& shape) {
  if (data.cache != "auto") return data.cache == "memory";
  const int64_t memory = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return size <= memory / 8 / processes_beside() / shape.values();
}

std::unique_ptr<Dataset> make_lazy_pictures(const std::string& name,
                                            std::shared_ptr<const PictureSource> source,
                                            std::shared_ptr<Workers> workers, Labels labels,
                                            uint64_t fingerprint, StoredFacts facts) {
  return std::make_unique<LazyPictures>(name, std::move(source), std::move(workers),
                                        std::move(labels), fingerprint, std::move(facts));
}

}  // namespace allmodes::data

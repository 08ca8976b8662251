#include "data/cropped.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data/content.h"

namespace allmodes::data {
namespace {

class Cropped final : public Dataset {
 public:
  Cropped(const std::string& name, std::unique_ptr<Dataset> images, int64_t size)
      : images_(std::move(images)),
        shape_{.channels = images_->shape().channels, .height = size, .width = size, .image = true},
        description_(fmt::format("{}, parts of {} x {}",
                                 describe(name, images_->size(), shape_, images_->classes()),
                                 images_->shape().height, images_->shape().width)) {
    ALLMODES_CHECK(size >= 1 && size <= images_->shape().height && size <= images_->shape().width,
                   "parts of {} pixels of {}", size, images_->description());
    ContentHash hash;
    const uint64_t whole = images_->fingerprint();
    hash.add(&whole, sizeof whole);
    fingerprint_ = hash.finish(shape_, 1, {});
  }

  std::string description() const override { return description_; }
  int64_t size() const override { return images_->size(); }
  SampleShape shape() const override { return shape_; }
  int64_t classes() const override { return images_->classes(); }
  std::vector<std::string> class_names() const override { return images_->class_names(); }
  std::vector<int64_t> existing_classes() const override { return images_->existing_classes(); }
  std::vector<std::string> remarks() const override { return images_->remarks(); }
  bool flipped() const override { return images_->flipped(); }
  const Dataset* uncropped() const override { return images_.get(); }
  std::vector<int64_t> shard_sizes() const override { return images_->shard_sizes(); }
  uint64_t fingerprint() const override { return fingerprint_; }

  void copy(std::span<const int64_t> indices, float* samples, int64_t* labels) const override {
    std::vector<float> whole(indices.size() * static_cast<size_t>(images_->shape().values()));
    images_->copy(indices, whole.data(), labels);
    middles(whole.data(), indices.size(), samples);
  }
  bool holds_bytes() const override { return images_->holds_bytes(); }
  void copy_bytes(std::span<const int64_t> indices, uint8_t* samples,
                  int64_t* labels) const override {
    std::vector<uint8_t> whole(indices.size() * static_cast<size_t>(images_->shape().values()));
    images_->copy_bytes(indices, whole.data(), labels);
    middles(whole.data(), indices.size(), samples);
  }

 private:
  template <class T>
  void middles(const T* images, size_t count, T* out) const {
    const SampleShape whole = images_->shape();
    for (size_t i = 0; i < count; ++i, images += whole.values(), out += shape_.values())
      copy_part(images, whole, shape_, (whole.height - shape_.height) / 2,
                (whole.width - shape_.width) / 2, out);
  }

  std::unique_ptr<Dataset> images_;
  SampleShape shape_;
  std::string description_;
  uint64_t fingerprint_ = 0;
};

}  // namespace

template <class T>
void copy_part(const T* image, const SampleShape& whole, const SampleShape& part, int64_t top,
               int64_t left, T* out) {
  for (int64_t c = 0; c < part.channels; ++c)
    for (int64_t y = 0; y < part.height; ++y, out += part.width)
      std::copy_n(image + (c * whole.height + top + y) * whole.width + left, part.width, out);
}

template void copy_part(const uint8_t*, const SampleShape&, const SampleShape&, int64_t, int64_t,
                        uint8_t*);
template void copy_part(const float*, const SampleShape&, const SampleShape&, int64_t, int64_t,
                        float*);

std::unique_ptr<Dataset> make_cropped(const std::string& name, std::unique_ptr<Dataset> images,
                                      int64_t size) {
  return std::make_unique<Cropped>(name, std::move(images), size);
}

}  // namespace allmodes::data

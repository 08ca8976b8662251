#pragma once

// Pictures of a container, made ready one at a time.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/containers/container.h"
#include "data/dataset.h"
#include "data/formats/picture.h"
#include "data/formats/resample.h"

namespace allmodes::data {

// Immutable: every function may be called from several threads at once.
class PictureSource {
 public:
  // `members` of `container`, made `shape` as data.fit and data.filter say.
  PictureSource(std::unique_ptr<Container> container, std::vector<int64_t> members,
                const config::Data& data, const SampleShape& shape);

  int64_t size() const { return std::ssize(members_); }
  const SampleShape& shape() const { return shape_; }
  const Container& container() const { return *container_; }
  int64_t member(int64_t index) const { return members_[static_cast<size_t>(index)]; }

  // The picture's shape().values() bytes, channels first. Returns the decoder's first warning, or
  // "". Throws kDataError, kNoInput, kInputOutput: "PLACE, REASON".
  std::string read(int64_t index, uint8_t* out) const;

  // Goes on without the pictures i whose damaged[i] is not 0.
  void leave_out(const std::vector<uint8_t>& damaged);

 private:
  void fit(Picture picture, uint8_t* out) const;

  std::unique_ptr<Container> container_;
  std::vector<int64_t> members_;
  PictureOptions options_;
  std::string fit_;
  std::string filter_;
  SampleShape shape_;
  Resizer resizer_;
};

// Throws kConfiguration for fields of pictures that do not go together.
void check_fit(const config::Data& data);

// `what` of a failure at `place`, as read() throws it.
std::string placed(const std::string& place, const std::string& what);

}  // namespace allmodes::data

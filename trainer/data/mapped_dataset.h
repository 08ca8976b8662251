#pragma once

// Samples that stay in their files and are read through a memory map as they are needed.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/content.h"
#include "data/dataset.h"
#include "data/mapped_file.h"
#include "data/pixels.h"
#include "data/stored_dataset.h"

namespace allmodes::data {

// `count` samples in a file, the first at byte `offset`, each `stride` bytes after the one before.
struct MappedSamples {
  MappedFile file;
  uint64_t offset = 0;
  uint64_t stride = 0;
  int64_t count = 0;
};

// The samples of all `parts` in order, as `layout` says they lie there, made `shape`
// (resized_shape). Gives the samples and the fingerprint of the same files read whole. For these
// the files are read once from front to back when this is called, and floats are checked (misfit);
// nothing is kept of it, so a file that was changed between two runs is noticed.
//
// With `fingerprint` given nothing is read: whoever gives it knows the content.
//
// Defined for uint8_t and float (little-endian, at any alignment). Throws kDataError for values
// that do not fit, kSoftware when a part is not inside its file or the sizes disagree.
template <class T>
std::unique_ptr<Dataset> make_mapped_dataset(const std::string& name,
                                             std::vector<MappedSamples> parts, const Layout& layout,
                                             const SampleShape& shape, Labels labels,
                                             StoredFacts facts = {},
                                             std::optional<uint64_t> fingerprint = std::nullopt);

}  // namespace allmodes::data

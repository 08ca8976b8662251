#pragma once

// Pictures that are decoded when they are asked for.

#include <memory>
#include <string>

#include "data/picture_source.h"
#include "data/stored_dataset.h"
#include "data/workers.h"

namespace allmodes::data {

// Whether data.cache keeps `size` decoded pictures in memory: "memory", or "auto" where they take
// at most an eighth of this process's share of the node's memory.
bool keeps_in_memory(const config::Data& data, int64_t size, const SampleShape& shape);

// `source`'s pictures, decoded by `workers` at each copy. All have been read once: `fingerprint` is
// that of their content.
std::unique_ptr<Dataset> make_lazy_pictures(const std::string& name,
                                            std::shared_ptr<const PictureSource> source,
                                            std::shared_ptr<Workers> workers, Labels labels,
                                            uint64_t fingerprint, StoredFacts facts);

}  // namespace allmodes::data

#pragma once

// Samples held in one array: bytes stay bytes (a quarter of the memory) and are scaled on copying.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/content.h"
#include "data/dataset.h"
#include "data/mixture.h"
#include "data/stored_dataset.h"

namespace allmodes::data {

// `values` is [samples][shape.values()], channels first. Bytes 0..255 are read as [-1, 1], floats
// as they are. Defined for uint8_t and float. Throws kSoftware when the sizes disagree.
template <class T>
std::unique_ptr<Dataset> make_array_dataset(const std::string& name, const SampleShape& shape,
                                            std::vector<T> values, Labels labels,
                                            std::optional<Mixture> mixture = std::nullopt,
                                            StoredFacts facts = {});

// Throws kDataError when `count` things of `bytes` each do not fit into available_memory().
void require_memory(uint64_t count, uint64_t bytes, const std::string& what);

}  // namespace allmodes::data

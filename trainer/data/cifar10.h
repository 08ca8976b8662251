#pragma once

// CIFAR-10's binary version (Krizhevsky, "Learning multiple layers of features from tiny images",
// 2009): files of 3073-byte records, a label 0..9 and then 3 x 32 x 32 bytes, channels first.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allmodes::data {

// data_batch_1.bin ... data_batch_5.bin of `folder`, those that are there, in this order; throws
// kNoInput when there are none.
std::vector<std::string> cifar10_training_files(const std::string& folder);

// test_batch.bin of `folder`, where it is there.
std::vector<std::string> cifar10_held_out_files(const std::string& folder);

// The images of `files` (at least one) in order; `image_size` as in resized_shape. Names of the
// classes are the ten lines of batches.meta.txt in `folder`, or the standard ones where it is
// missing. `memory_map` leaves the images in their files; `flip`: as Dataset::flipped(). Throws
// kDataError (file and byte) for a file that is empty or no whole number of records, a label above
// 9, or names that are not ten.
std::unique_ptr<Dataset> read_cifar10(const std::string& folder,
                                      const std::vector<std::string>& files, int64_t image_size,
                                      bool memory_map, bool flip);

}  // namespace allmodes::data

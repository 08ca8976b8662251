#pragma once

// The idx format of the MNIST files, plain or gzip: two zero bytes, a type byte (0x08: unsigned
// byte, the only one read here), the number of dimensions, the dimensions as big-endian 32-bit
// numbers, then the values in C order. (LeCun, Cortes, Burges: "The MNIST database of handwritten
// digits", section "File formats".)

#include <cstdint>
#include <string>
#include <vector>

#include "data/array_dataset.h"
#include "data/input_file.h"

namespace allmodes::data {

struct IdxArray {
  std::vector<uint64_t> dimensions;
  std::vector<uint8_t> values;
  uint64_t values_offset = 0;  // of values[0] in the file
};

// Reads the rest of `file`. Throws kDataError for a wrong magic, a zero or overflowing dimension, a
// file that ends too early or goes on.
IdxArray read_idx(InputFile& file);

// Labels from an idx file or a .npy array of integers (told by its content), one for each of
// `samples`. `names` are the classes' names; empty: as many as the largest label says, named by
// number. `remedy` as in InputFile. Throws kDataError when count or range disagree.
Labels read_labels(const std::string& path, int64_t samples, std::vector<std::string> names = {},
                   const std::string& remedy = "");

// Images (three dimensions, or four as in layout_of) and, unless `labels_path` is empty, labels.
std::unique_ptr<Dataset> read_idx_dataset(const std::string& name, const std::string& images_path,
                                          const std::string& labels_path, int64_t image_size,
                                          std::vector<std::string> class_names = {},
                                          const std::string& remedy = "");

}  // namespace allmodes::data

#pragma once

// The idx format of the MNIST files, plain or gzip: two zero bytes, a type byte (0x08: unsigned
// byte, the only one read here), the number of dimensions, the dimensions as big-endian 32-bit
// numbers, then the values in C order. (LeCun, Cortes, Burges: "The MNIST database of handwritten
// digits", section "File formats".)

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/array_dataset.h"
#include "data/input_file.h"

namespace allmodes::data {

struct IdxHeader {
  std::vector<uint64_t> dimensions;
  uint64_t values = 0;         // their product
  uint64_t values_offset = 0;  // of the first value in the file
};

// Reads the header; the file then stands at the first value. Throws kDataError for a wrong magic, a
// zero or overflowing dimension.
IdxHeader read_idx_header(InputFile& file);

struct IdxArray {
  IdxHeader header;
  std::vector<uint8_t> values;
};

// Reads the rest of `file`. Throws kDataError also when it ends too early or goes on.
IdxArray read_idx(InputFile& file);

struct IdxFiles {
  std::string name;
  std::string images;                         // three dimensions, or four as in layout_of
  std::string labels;                         // empty: unlabelled
  int64_t image_size = 0;                     // as in resized_shape
  bool memory_map = false;                    // leave the images in their file, which must be plain
  std::vector<std::string> class_names = {};  // as in read_labels
  std::string remedy = "";                    // as in InputFile
};

std::unique_ptr<Dataset> read_idx_dataset(IdxFiles files);

}  // namespace allmodes::data

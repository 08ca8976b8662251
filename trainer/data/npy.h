#pragma once

// NumPy's .npy arrays (format versions 1 to 3; NumPy Enhancement Proposal 1), little-endian, C
// order, plain or gzip. No Python is evaluated: the header's dictionary is read by a small parser
// that knows its three keys.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/input_file.h"

namespace allmodes::data {

struct NpyHeader {
  std::string descr;  // "<f4", "|u1", ...
  bool fortran_order = false;
  std::vector<uint64_t> shape;
};

// The dictionary `text`, e.g. "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }".
// Throws kDataError at `file`, byte `offset` + place.
NpyHeader parse_npy_dictionary(const InputFile& file, const std::string& text, uint64_t offset);

// Reads magic, version and dictionary; the file then stands at the first value. Throws kDataError
// for anything else, an order other than C or dimensions that are 0 or overflow.
NpyHeader read_npy_header(InputFile& file);

struct NpyIntegers {
  std::vector<int64_t> values;
  uint64_t values_offset = 0;
  uint64_t width = 1;  // bytes a value
};

// A one-dimensional array of any integer type.
NpyIntegers read_npy_integers(InputFile& file);

// float32, float64 or uint8 as points [N,D] or images (layout_of). uint8 is scaled to [-1, 1];
// floating-point images must already lie there, points may lie anywhere finite. `memory_map` leaves
// the values in their file, which must then be plain and hold float32 or uint8. Throws kDataError,
// kConfiguration for a file that cannot be mapped.
std::unique_ptr<Dataset> read_npy_dataset(const std::string& path, const std::string& labels_path,
                                          int64_t image_size, bool memory_map = false);

}  // namespace allmodes::data

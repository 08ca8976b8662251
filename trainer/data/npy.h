#pragma once

// NumPy's .npy arrays (format versions 1 to 3; NumPy Enhancement Proposal 1), plain or gzip. No
// Python is evaluated: the header's dictionary is read by a small parser that knows its three keys.

#include <cstdint>
#include <string>
#include <vector>

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
// for anything else, or dimensions that are 0 or overflow.
NpyHeader read_npy_header(InputFile& file);

}  // namespace allmodes::data

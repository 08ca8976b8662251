#pragma once

// Arrays of numbers in files, whatever the format: NumPy's .npy (plain or gzip) and .npz, and
// safetensors.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/input_file.h"

namespace allmodes::data {

enum class NumberKind { kBoolean, kInteger, kUnsigned, kFloat, kBfloat, kText, kWideText };

// How one number (or text) is stored.
struct NumberType {
  NumberKind kind = NumberKind::kFloat;
  uint64_t bytes = 4;    // of one; of texts the longest
  bool swapped = false;  // bytes in the other order than this machine's

  bool text() const { return kind == NumberKind::kText || kind == NumberKind::kWideText; }
  bool byte() const { return kind == NumberKind::kUnsigned && bytes == 1; }
  bool single() const { return kind == NumberKind::kFloat && bytes == 4 && !swapped; }
};

// An array whose header has been read; `file` stands at its first value.
struct ArrayFile {
  InputFile file;
  NumberType type;
  std::string type_name;  // as the file says: "<f4", "BF16"
  bool fortran = false;   // the first index runs fastest
  std::vector<uint64_t> shape;

  uint64_t values() const;
  std::string what() const;  // "the values of <f4 [3, 2]"
};

// FILE, or FILE:NAME of one that holds several arrays (.npz, .safetensors). Throws kNoInput,
// kDataError: with the names where one is to be chosen; PyTorch's files (.pt, .pth) and pickles are
// refused as what they are, with the line that saves them readable.
ArrayFile open_array(const std::string& path);

// Of the arrays in a .npz; empty for a file that is none. Throws kNoInput, kDataError.
std::vector<std::string> array_names(const std::string& path);

// The type that .npy calls `descr`; nothing for records, complex numbers, objects and dates.
std::optional<NumberType> number_type(const std::string& descr);

// The rest of the file, in C order, each as the nearest value of type T: bytes (of an array of
// bytes), float, double or int64_t. Booleans are 0 and 1. Throws kDataError when the file ends
// before or goes on; for int64_t also for a number that is not whole or does not fit.
std::vector<uint8_t> read_byte_array(ArrayFile& array);
std::vector<float> read_float_array(ArrayFile& array);
std::vector<double> read_double_array(ArrayFile& array);
std::vector<int64_t> read_integer_array(ArrayFile& array);
// Of texts.
std::vector<std::string> read_text_array(ArrayFile& array);

}  // namespace allmodes::data

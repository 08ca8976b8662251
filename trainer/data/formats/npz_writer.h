#pragma once

// NumPy's .npz: a zip archive of .npy arrays, stored and not packed.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace allmodes::data {

struct NamedArray {
  std::string name;
  std::vector<int64_t> shape;
  std::span<const double> values;  // in C order
};

// Writes the file atomically. Throws kCannotCreate, kInputOutput.
void write_npz(const std::filesystem::path& path, std::span<const NamedArray> arrays);

}  // namespace allmodes::data

#pragma once

// The header of NumPy's format.

#include <cstdint>
#include <span>
#include <string>

namespace allmodes::data {

// Version 1.0, C order; `type` as NumPy writes it: "|u1", "<i4", "<f4", "<f8". The numbers that
// follow begin at a multiple of 64 bytes.
std::string npy_header(const char* type, std::span<const int64_t> shape);

}  // namespace allmodes::data

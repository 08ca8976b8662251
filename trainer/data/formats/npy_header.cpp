#include "data/formats/npy_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace allmodes::data {

std::string npy_header(const char* type, std::span<const int64_t> shape) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}",
                                   type, fmt::join(shape, ", "));
  header.append(63 - (10 + header.size()) % 64, ' ').push_back('\n');
  std::string text("\x93NUMPY\x01\x00", 8);
  text.push_back(static_cast<char>(header.size() & 0xFF));
  text.push_back(static_cast<char>(header.size() >> 8));
  return text + header;
}

}  // namespace allmodes::data

#pragma once

// What files are that are not read here, as far as their first bytes tell.

#include <cstdint>
#include <span>
#include <string>

namespace allmodes::data {

struct ForeignFormat {
  std::string what;  // "a web page (HTML)", "gzip data", "empty", "unknown (it begins with 25 50)"
  std::string remedy = {};  // "; unpack it first": how it becomes readable, or ""
};

ForeignFormat foreign_format(std::span<const uint8_t> bytes);

}  // namespace allmodes::data

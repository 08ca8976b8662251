#pragma once

#include <span>
#include <string>

namespace allmodes::records {

// Heights in [0, 1], clamped, as a row of blocks, one character of three bytes each.
std::string sparkline(std::span<const double> heights);

}  // namespace allmodes::records

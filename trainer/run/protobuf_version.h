#pragma once

#include <string>

namespace allmodes::run {

// "3.21.12". In a library of its own: LibTorch's include folder holds older headers of protobuf.
std::string protobuf_version();

}  // namespace allmodes::run

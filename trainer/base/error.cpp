#include "base/error.h"

#include <cstring>

namespace allmodes {

void throw_at(ExitCode code, const char* file, int line, const std::string& message) {
  const char* room = std::strstr(file, "trainer/");
  throw Error(code, fmt::format("{} [{}:{}]", message, room != nullptr ? room : file, line));
}

}  // namespace allmodes

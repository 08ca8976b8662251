#pragma once

// What the one who starts the tests may say in the environment.

#include <cstdlib>

namespace allmodes::test {

// The variable's value; nullptr where it is not set or empty, as a shell's `NAME= command` leaves
// it.
inline const char* environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? nullptr : value;
}

}  // namespace allmodes::test

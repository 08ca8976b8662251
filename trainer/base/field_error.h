#pragma once

// An error that knows which field of a block of the configuration it is about.

#include <string>
#include <utility>

#include "base/error.h"

namespace allmodes {

class FieldError : public Error {
 public:
  FieldError(std::string field, ExitCode code, const std::string& message)
      : Error(code, message), field_(std::move(field)) {}
  // Its name in the block: "labels".
  const std::string& field() const { return field_; }

 private:
  std::string field_;
};

// What `work` returns; an Error that it throws becomes one of `field`.
template <class Work>
auto of_field(const char* field, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const Error& error) {
    throw FieldError(field, error.code(), error.what());
  }
}

}  // namespace allmodes

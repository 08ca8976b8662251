#include "mpi/control.h"

#include "base/error.h"

namespace allmodes::testing {
namespace {

// GoogleTest makes the test objects itself, so they cannot be given the runtime.
world::Runtime* current = nullptr;

}  // namespace

void set_control(world::Runtime& runtime) {
  current = &runtime;
}

world::Communicator& control() {
  ALLMODES_CHECK(current != nullptr, "main() has not set the control communicator");
  return current->control();
}

world::World this_world() {
  ALLMODES_CHECK(current != nullptr, "main() has not set the control communicator");
  return current->world();
}

}  // namespace allmodes::testing

#pragma once

// What main.cpp gives to the tests under mpirun.

#include "world/runtime.h"

namespace allmodes::testing {

void set_control(world::Runtime& runtime);

// All ranks of the mpirun at hand.
world::Communicator& control();
world::World this_world();

}  // namespace allmodes::testing

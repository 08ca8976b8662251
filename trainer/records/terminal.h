#pragma once

// Whether a person reads a stream on a terminal, and how wide that is.
//
// Under mpirun a rank's streams are pipes. launch/run.sh says whether its own standard error is a
// terminal, in ALLMODES_TERMINAL=1, and its width in ALLMODES_COLUMNS.

#include <cstdint>

namespace allmodes::records {

// Whether the descriptor is a terminal, or standard error that a launcher passes on to one.
bool on_terminal(int descriptor);

// The width in characters, at least 20; 80 where nothing is known.
int64_t terminal_columns(int descriptor);

// Whether text may be coloured: on a terminal, and NO_COLOR (no-color.org) is not set.
bool may_color(int descriptor);

}  // namespace allmodes::records

#pragma once

// Whether a person reads a stream on a terminal, and how wide that is.
//
// Under mpirun a rank's streams lead to mpirun, through pipes and pseudo-terminals. launch/run.sh
// says which of its own descriptors are terminals, in ALLMODES_TERMINAL ("", "1", "2", "12"), and
// their width in ALLMODES_COLUMNS.

#include <cstdint>

namespace allmodes::records {

// Whether what is written to the descriptor reaches a terminal.
bool on_terminal(int descriptor);

// The width in characters, at least 20; 80 where nothing is known.
int64_t terminal_columns(int descriptor);

// Whether text may be coloured: on a terminal, and NO_COLOR (no-color.org) is not set.
bool may_color(int descriptor);

}  // namespace allmodes::records

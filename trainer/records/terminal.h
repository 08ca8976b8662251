#pragma once

// Whether a person reads a stream on a terminal, and how wide that is.
//
// Under mpirun a rank's streams lead to mpirun, through pipes and pseudo-terminals. launch/run.sh
// says which of its own descriptors are terminals, in ALLMODES_TERMINAL ("", "1", "2", "12"), and
// their width in ALLMODES_COLUMNS. It, and the Slurm script, set ALLMODES_ONE_OUTPUT where standard
// output and standard error lead to the same place, as in a job's log.

#include <cstdint>

namespace allmodes::records {

// Whether what is written to the descriptor reaches a terminal.
bool on_terminal(int descriptor);

// The width in characters, at least 20; 80 where nothing is known.
int64_t terminal_columns(int descriptor);

// Whether text may be coloured: on a terminal, and NO_COLOR (no-color.org) is not set.
bool may_color(int descriptor);

// Whether standard output and standard error are read in one place: a terminal, or a log of both.
bool one_output();

}  // namespace allmodes::records

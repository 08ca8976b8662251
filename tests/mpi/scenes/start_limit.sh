#!/usr/bin/env bash
# Ranks that come late or are frozen before all have met are named, and the job ends with 68.
# shellcheck source=tests/mpi/scenes/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

export ALLMODES_START_LIMIT_S=3
play 68 12 slow_start
says "missing: rank 1 on $(hostname): its process has not come to the program's first line"
says "rank 0 on $(hostname) \\(pid [0-9]+\\): has started, and waits in MPI_Init"
(("$(grep -c 'have not all started' out)" == 1)) || { cat out; echo "FAILED: said twice"; exit 1; }
if pgrep -f "$ALLMODES_SCENES slow_start" >/dev/null; then echo "FAILED: a process is left"; exit 1; fi

ALLMODES_START_LIMIT_S=soon play 78 10 slow_start
says "ALLMODES_START_LIMIT_S is 'soon'"

#!/usr/bin/env bash
# A rank that is frozen is found also where the one that finds it cannot write to stderr.
# shellcheck source=tests/mpi/scenes/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

play 68 14 silent_stderr

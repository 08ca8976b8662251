#!/usr/bin/env bash
# A rank that fails while its exchange waits for another says why; it does not wait for that one.
# shellcheck source=tests/mpi/scenes/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

play 65 8 lonely_begin
says 'the cause that the user has to see'

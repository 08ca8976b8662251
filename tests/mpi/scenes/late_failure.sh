#!/usr/bin/env bash
# An error that a communicator reports after its call has returned ends the job within seconds.
# shellcheck source=tests/mpi/scenes/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

play 68 6 late_failure
says 'rank 1 of 2 .*a collective failed after it had begun: the network card has gone'
says 'flight log of rank 0 of 2'

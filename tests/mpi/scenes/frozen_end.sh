#!/usr/bin/env bash
# A rank that is frozen when the work is done does not keep the others for ever.
# processors: 1
# shellcheck source=tests/mpi/scenes/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

play 68 90 frozen_end
says 'this rank is done, but not all others have come to the end of the job'

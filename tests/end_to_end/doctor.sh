#!/usr/bin/env bash
# doctor marks what it finds, says what to do about it, and ends with a code that a script can ask for.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

export ALLMODES_CACHE="$work/cache"
expect 0 "$program" doctor
says out '^ ok +LibTorch +2\.'
says out '^ ok +mpirun +starts two processes'
says out "^ ok +cache +$work/cache, .* GiB free"
says out '^ ok +runs +runs, .* GiB free'

ALLMODES_CACHE=/proc/nowhere expect 69 "$program" doctor
says out '^  x +cache +/proc/nowhere: not writable'
says out '-> export ALLMODES_CACHE=FOLDER'

mkdir bin
printf '#!/bin/sh\necho "no route to anywhere"\nexit 3\n' >bin/mpirun
chmod +x bin/mpirun
OMP_NUM_THREADS=4096 PATH="$work/bin:$PATH" expect 0 "$program" doctor
says out '^  ! +mpirun +does not start two processes: no route to anywhere'
says out '^  ! +CPU cores .*OMP_NUM_THREADS=4096'

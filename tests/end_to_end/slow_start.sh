#!/usr/bin/env bash
# A signal while a run still reads its data, which takes longer than whoever sent it waits: the job ends
# with 75 within seconds, on one rank and on two of which one has the signal, leaves nothing that the
# next start minds, and begins when it is asked again.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

make_slow_pictures
# For each picture three seconds: 48 in all.
passed=()
slow=("LD_PRELOAD=$library" SLOW_DISK_END=.pgm SLOW_DISK_S=3 SLOW_DISK_FIRST=1 SLOW_DISK_RANK=)
for variable in "${slow[@]}"; do passed+=(-x "$variable"); done

env "${slow[@]}" "$program" train pictures.txtpb --quiet --out runs >out 2>err &
job=$!
sleep 2
kill -TERM "$job"
end_of_job
((status == 75 && took < 12000)) || { cat err; fail "exit status $status after $took ms"; }
says err 'SIGTERM: stopping before the first step'
one="$took"

mpirun -np 2 "${mpirun_options[@]}" "${passed[@]}" "$program" train pictures.txtpb --quiet --out runs >out 2>err &
job=$!
for ((tenths = 0; tenths < 100; ++tenths)); do
  mapfile -t ranks < <(pgrep -P "$job" || true)
  ((${#ranks[@]} < 2)) || break
  sleep 0.1
done
sleep 3
kill -USR1 "${ranks[1]}"
end_of_job
((status == 75 && took < 15000)) || { cat err; fail "exit status $status after $took ms on two ranks"; }
says err 'SIGUSR1: stopping before the first step'
expect 0 on_ranks 2 train pictures.txtpb --quiet --out runs --resume auto
echo "ended after $one and $took ms"

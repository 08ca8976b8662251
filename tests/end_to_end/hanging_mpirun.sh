#!/usr/bin/env bash
# mpirun that hangs although its ranks have ended is ended by run.sh: told to stop, the run ends with 75,
# and otherwise it is a run that has lost something, and goes on. A run whose ranks take their time after
# a signal is left alone, and one whose program was replaced while it runs, too.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
mkdir stub
# One rank as a child of this stand-in for mpirun, which passes signals on and hangs after the first one.
cat >stub/mpirun <<STUB
#!/bin/bash
while [[ "\$1" != "\$ALLMODES_BINARY" ]]; do shift; done
trap 'kill -USR1 \$rank' USR1
trap '' VTALRM TERM
"\$@" & rank=\$!
while kill -0 \$rank 2>/dev/null; do wait \$rank; status=\$?; done
if mkdir "$work/hung" 2>/dev/null; then echo hangs >&2; while :; do sleep 1; done; fi
exit \$status
STUB
chmod +x stub/mpirun
export PATH="$work/stub:$PATH" ALLMODES_BINARY="$program"
run=("$source/launch/run.sh" -n 1 --restarts 1 -- train ring.txtpb --quiet --out runs --set checkpoints.every=20)

"${run[@]}" --steps 1000000 --set diagnostics.evaluate_every=1000000 >out 2>err &
job=$!
await_checkpoint
kill -TERM "$job"
end_of_job
((status == 75)) || { cat err; fail "exit status $status instead of 75"; }
((took > 3000 && took < 50000)) || fail "mpirun was ended after $took ms"
says err 'mpirun is still there 5 s after its ranks'

rm -rf runs hung
expect 0 "${run[@]}" --steps 300
says err 'mpirun is still there 30 s after its ranks'
says err 'lost \(status 68\); again with 1 ranks'
[[ "$(ls runs | wc -l)" == 1 ]] || fail "it began anew"

# A program that was built anew meanwhile: its ranks are still seen.
rm -rf runs
cp "$program" replaced
export ALLMODES_BINARY="$work/replaced"
"${run[@]}" --steps 1000000 --set diagnostics.evaluate_every=1000000 >out 2>err &
job=$!
await_checkpoint
cp "$program" new
mv new replaced
launcher="$(pgrep -P "$job" -f stub/mpirun)"
bash -c "source '$source/launch/env.sh'; has_ranks $launcher" || fail "ranks of a replaced program are not seen"
kill -TERM "$job"
end_of_job
((status == 75)) || { cat err; fail "exit status $status instead of 75"; }
bash -c "source '$source/launch/env.sh'; ! has_ranks $launcher" || fail "ranks that have ended are seen"
echo "ended, and went on"

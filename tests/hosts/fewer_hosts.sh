#!/usr/bin/env bash
# A host of four loses its power: run.sh --restarts goes on with the three that are left, on as many ranks
# as can share out the batch, which is one that three do not divide.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"

make_hosts
write_ring_gan ring.txtpb
lost="${hosts[3]}"
# Without power it does not answer who asks.
mv agent answering
cat >agent <<AGENT
#!/bin/sh
[ "\$1" != "$lost" ] || [ ! -e "$work/off" ] || exit 255
exec "$work/answering" "\$@"
AGENT
chmod +x agent
on_first_host env ALLMODES_BINARY="$program" ALLMODES_NETWORK="$net.0/24" \
  ALLMODES_MPIRUN="--mca plm_rsh_agent $work/agent --mca mpi_yield_when_idle 1 --bind-to none" \
  bash "$source/launch/run.sh" --hostfile hostfile --restarts 1 -- \
  train ring.txtpb --out runs --quiet --steps 500 --set diagnostics.evaluate_every=1000000 \
  --set checkpoints.every=20 >out 2>err &
job=$!
await_checkpoint
touch off
ip netns pids "$lost" | xargs kill -9
end_of_job
((status == 0)) || { cat err; fail "exit status $status instead of 0 after $took ms"; }
says err "no answer from $lost\); again with 2 ranks"
[[ -e runs/00000-ring/checkpoints/step-00000500 ]] || fail "no checkpoint of the last step"
echo "went on with two ranks; the job ended $took ms after the loss"

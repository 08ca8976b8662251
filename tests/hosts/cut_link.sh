#!/usr/bin/env bash
# A cut link ends the job within the default limit of 10 s with 68, on the host that was cut off too.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"

make_hosts
write_ring_gan ring.txtpb
on_hosts train ring.txtpb --out runs --quiet --steps 1000000 --set batch=66 \
  --set diagnostics.evaluate_every=1000000 --set checkpoints.every=20 >out 2>err &
job=$!
await_checkpoint
cut_link 3
end_of_job
((status == 68)) || { cat err; fail "exit status $status instead of 68 after $took ms"; }
((took < 10000)) || { cat err; fail "the job took $took ms to end"; }
says err "missing: rank 2 on ${hosts[2]}.*: no sign of life for"
for host in "${hosts[@]}"; do
  for ((tenths = 0; tenths < 100; ++tenths)); do
    [[ -n "$(ip netns pids "$host" | xargs -r -I{} readlink /proc/{}/exe | grep allmodes)" ]] || break
    sleep 0.1
  done
  ((tenths < 100)) || fail "processes were left behind on $host"
done
echo "the job ended $took ms after the link of the third host was cut"

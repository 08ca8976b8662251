#!/usr/bin/env bash
# Two hosts of two ranks each: sums are taken in shared memory on each host and by messages between them.
# --deterministic gives the bits of one rank; ranks that are dealt out over the hosts in turn, which it
# cannot do, are refused by all of them with one code; and without it the losses are one rank's to rounding.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"

make_hosts 2
host_count=2
write_ring_gan gan.txtpb
options=(train gan.txtpb --quiet --deterministic --set batch=64)
expect 0 on_ranks 1 "${options[@]}" --out one
expect 0 on_hosts "${options[@]}" --out four
[[ "$(payload one)" == "$(payload four)" ]] || fail "two hosts of two ranks and one rank differ"

# Ranks 0 and 2 on the first host: only ranks 0 and 3 are where the tree has them.
head -n 2 "$work/hostfile" >"$work/two_hosts"
expect 78 on_first_host mpirun -np 4 --hostfile "$work/two_hosts" --map-by node \
  --bind-to none --mca mpi_yield_when_idle 1 --mca plm_rsh_agent "$work/agent" \
  --mca oob_tcp_if_include "$net.0/24" --mca btl_tcp_if_include "$net.0/24" \
  "$program" "${options[@]}" --out never
says err 'deterministic_shards: .* each node.s in a row'

write_ring_vae vae.txtpb
options=(train vae.txtpb --set batch=64 --steps 30 --set diagnostics.evaluate_every=30
  --set consistency.replicas_every=10)
expect 0 on_ranks 1 "${options[@]}" --out vae_one
expect 0 on_hosts "${options[@]}" --out vae_four
says err '4 ranks on 2 nodes.*shared memory and MPI'
python3 - <<'PYTHON'
import json


def losses(path):
    with open(path) as file:
        return [sum(v for k, v in r.items() if k.startswith("loss_"))
                for r in map(json.loads, file) if r["record"] == "train"]


one, four = (losses(f"{run}/00000-ring_vae/records.jsonl") for run in ("vae_one", "vae_four"))
assert len(one) == len(four) == 30
worst = max(abs(a - b) / (1e-3 + abs(a)) for a, b in zip(one, four))
print(f"30 steps on one rank and on two hosts of two: losses differ by at most {worst:.1e}")
assert worst < 1e-4, worst
PYTHON

#!/usr/bin/env bash
# Training over three hosts gives what one rank on one host gives, to rounding.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"

make_hosts
write_ring_vae ring.txtpb
arguments=(train ring.txtpb --set batch=66 --steps 30 --set diagnostics.evaluate_every=30
  --set consistency.replicas_every=10)
expect 0 on_ranks 1 "${arguments[@]}" --out one
expect 0 on_hosts "${arguments[@]}" --out three
says err '3 ranks on 3 nodes'
for host in "${hosts[@]:0:3}"; do says err "rank +[0-2] +$host "; done
if grep -q 'watchdog is off' err; then cat err; fail "the watchdog is off"; fi
python3 - <<'PYTHON'
import json, math

def losses(path):
    return [(r["step"], r["loss_elbo"] if "loss_elbo" in r else
             sum(v for k, v in r.items() if k.startswith("loss_")))
            for r in map(json.loads, open(path)) if r["record"] == "train"]

one, three = losses("one/00000-ring_vae/records.jsonl"), losses("three/00000-ring_vae/records.jsonl")
assert len(one) == 30 and [s for s, _ in one] == [s for s, _ in three], (one, three)
assert len({value for _, value in one}) > 20, "the losses do not move"
worst = max(abs(a - b) / (1e-3 + abs(a)) for (_, a), (_, b) in zip(one, three))
print(f"30 steps on 1 and on 3 hosts: losses differ by at most {worst:.1e}")
assert worst < 1e-4, worst
PYTHON

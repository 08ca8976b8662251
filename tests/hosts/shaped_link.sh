#!/usr/bin/env bash
# On a slow link bfloat16 halves the time of the exchange, and the model stays the same to the noise
# of a seed: three hosts, 50 Mbit/s each way.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"

make_hosts
for host in 1 2 3; do shape_link "$host" 50mbit; done
write_ring_vae ring.txtpb
arguments=(train ring.txtpb --quiet --set batch=66 --steps 12 --set diagnostics.evaluate_every=1000
  --set diagnostics.log_every=1 --set vae.encoder.width=512 --set vae.decoder.width=512
  --set vae.encoder.depth=3 --set vae.decoder.depth=3 --set consistency.replicas_every=6)
expect 0 on_hosts "${arguments[@]}" --out float32
expect 0 on_hosts "${arguments[@]}" --out bfloat16 --set exchange.precision=bfloat16
python3 - <<'PYTHON'
import json
import statistics


def trains(folder):
    with open(f"{folder}/00000-ring_vae/records.jsonl") as file:
        return [r for r in map(json.loads, file) if r["record"] == "train"]


whole, half = trains("float32"), trains("bfloat16")
assert len(whole) == len(half) == 12
loss = lambda r: sum(v for k, v in r.items() if k.startswith("loss_"))
worst = max(abs(loss(a) - loss(b)) / abs(loss(a)) for a, b in zip(whole, half))
assert 0 < worst < 0.02, f"losses differ by {worst}"
times = [statistics.median(r["exchange_ms"] for r in run[2:]) for run in (whole, half)]
ratio = times[1] / times[0]
print(f"exchange {times[0]:.0f} ms in float32, {times[1]:.0f} ms in bfloat16: {ratio:.2f}; "
      f"losses differ by at most {worst:.1e}")
assert ratio <= 0.6, ratio
PYTHON

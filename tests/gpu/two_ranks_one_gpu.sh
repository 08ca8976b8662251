#!/usr/bin/env bash
# Two ranks on one GPU, each with an NCCL_HOSTID of its own so that NCCL goes over sockets, train the
# model that one rank trains: losses of the first 8 steps to 1e-4, with batch norm over both ranks; with
# and without CUDA graphs the same bits over all 40 (beyond ten, rounding grows without bound on any
# processor).
# Without those identities the same start is refused.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"

on_gpu=(train "$source/configs/ring_gan.txtpb" --device cuda --steps 40 --quiet
  --set diagnostics.log_every=1 --set diagnostics.evaluate_every=40
  --set gan.generator.norm=sync_batch --set gpu.precision=float32)

status=0
"$program" "${on_gpu[@]}" --out 1 >out 2>err || status=$?
if ((status == 69)); then
  echo "skipped: $(tail -n 1 err)"
  exit 77
fi
((status == 0)) || { cat out err; fail "one rank ended with $status"; }

export NCCL_SOCKET_IFNAME=lo NCCL_IB_DISABLE=1
# shellcheck disable=SC2016
two_ranks=(mpirun -np 2 "${mpirun_options[@]}" bash -c
  'NCCL_HOSTID="rank$OMPI_COMM_WORLD_RANK" exec "$0" "$@"' "$program")
expect 0 "${two_ranks[@]}" "${on_gpu[@]}" --out 2
expect 0 "${two_ranks[@]}" "${on_gpu[@]}" --out direct --set gpu.graphs=false
expect 69 mpirun -np 2 "${mpirun_options[@]}" "$program" "${on_gpu[@]}" --out refused
says "$work/err" "have the same GPU"

python3 - <<'PYTHON'
import json


def trains(folder):
    with open(f"{folder}/00000-ring_gan/records.jsonl") as file:
        return [r for r in map(json.loads, file) if r["record"] == "train"]


def losses(folder):
    return [{k: v for k, v in r.items() if k.startswith("loss_")} for r in trains(folder)]


alone, two, direct = losses("1"), losses("2"), losses("direct")
assert len(alone) == len(two) == 40
worst = max(abs(a[k] - b[k]) / max(1e-3, abs(a[k])) for a, b in zip(alone[:8], two) for k in a)
assert worst <= 1e-4, f"one rank and two differ by {worst}"
assert two == direct, "with and without graphs two ranks train another model"
# What is exposed is timed by the GPU, anew in each replay; nothing can be exposed for longer than a
# step takes.
assert not any("exchange_ms" in r for r in trains("1"))
for folder in ("2", "direct"):
    steps = trains(folder)[10:]
    assert all(0 < r["exchange_ms"] < r["step_ms"] for r in steps), steps[-1]
    assert len({r["exchange_ms"] for r in steps}) > 1, "the exchange is not timed anew"
    assert all({"exchange_ms_discriminator", "exchange_ms_generator"} <= r.keys() for r in steps)
exposed = sorted(r["exchange_ms"] for r in trains("2")[10:])[15]
print(f"one rank and two agree to {worst:.1e}; {exposed:.2f} ms of a step are exposed exchange")
PYTHON

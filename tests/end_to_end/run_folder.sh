#!/usr/bin/env bash
# A run leaves the files and records that are documented.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan gan.txtpb
write_ring_vae vae.txtpb
python3 "$source/tests/end_to_end/make_data.py" data
cat >images.txtpb <<'CONFIG'
name: "images"
batch: 32
steps: 20
data { dataset: "mnist" path: "data/mnist" }
vae {
  latent { dimension: 4 }
  encoder { width: 32 depth: 1 }
  decoder { width: 32 depth: 1 }
  likelihood: "bernoulli"
}
diagnostics { log_every: 5 evaluate_every: 10 samples: 64 classifier: false }
images { every: 10 count: 16 }
CONFIG

expect 0 on_ranks 2 train gan.txtpb --out runs
grep -q '^{' out && fail "records on stdout"
cat out err | tail -n 5 | grep -Eq 'healthy|at_risk|collapsed' ||
  { cat out err; fail "the run does not end with its verdict"; }
expect 0 on_ranks 2 train vae.txtpb --out runs --quiet
expect 0 "$program" train images.txtpb --out runs
expect 0 "$program" train images.txtpb --out runs
found="$(cd runs && echo *)"
[[ "$found" == "00000-ring 00001-ring_vae 00002-images 00003-images" ]] ||
  fail "run folders: $found"

# Started without standard streams, as by some daemons: what is said goes into no file of the run.
bash -c '"$0" train gan.txtpb --steps 60 --out closed <&- >&- 2>&-' "$program" || fail "without standard streams: $?"
expect 0 "$program" verify closed/00000-ring
! grep -rlIE 'steps/s|LibTorch' closed/00000-ring/records.jsonl closed/00000-ring/lock || fail "said into a file"

for run in runs/*; do
  # The resolved configuration reads back to itself.
  expect 0 "$program" train "$run/config.txtpb" --dry-run
  cmp "$run/config.txtpb" out || fail "$run/config.txtpb does not read back to itself"
done

python3 - <<'PYTHON'
import json, pathlib

STATES = {"healthy", "at_risk", "collapsed"}
HISTOGRAM = {"modes_covered": int, "modes_total": int, "missing": list, "kl_reverse": float,
             "kl_forward": float}
MIXTURE = HISTOGRAM | {"high_quality": float}
VAE = {"active_units": int, "kl_per_dim": list, "r2_mean": float}


def check_types(run, record, expected):
    for name, kind in expected.items():
        assert name in record, f"{run}: the evaluation has no {name}: {sorted(record)}"
        value = record[name]
        allowed = (int, float) if kind is float else kind
        if value is None:  # not finite: the companion field says how
            assert name + "_nonfinite" in record, f"{run}: {name} is null"
        else:
            assert isinstance(value, allowed), f"{run}: {name} is {value!r}"


for name, losses, figures, steps in (
        ("00000-ring", {"loss_generator", "loss_discriminator"}, MIXTURE, 60),
        ("00001-ring_vae", {"loss_reconstruction", "loss_kl"}, MIXTURE | VAE, 60),
        ("00002-images", {"loss_reconstruction", "loss_kl"}, VAE, 20)):
    run = pathlib.Path("runs") / name
    for file in ("config.txtpb", "log.txt", "records.jsonl", "verdict.json"):
        assert (run / file).stat().st_size > 0, f"{run}/{file}"
    said = (run / "log.txt").read_text().splitlines()
    assert " allmodes " in said[0] and "LibTorch" in said[0] and "rank   0" in said[1], said[:3]
    pictures = {p.name for p in (run / "images").iterdir()}
    assert any(p.endswith(".png") for p in pictures), f"{run}: no pictures: {pictures}"
    for picture in pictures:
        assert (run / "images" / picture).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", picture
    if name == "00002-images":
        assert "reals.png" in pictures and any(p.startswith("fakes-") for p in pictures), pictures
        assert any(p.startswith("reconstructions") for p in pictures), pictures
    checkpoints = sorted(p.name for p in (run / "checkpoints").iterdir())
    assert checkpoints[-1] == f"step-{steps:08d}", checkpoints

    records = [json.loads(line) for line in (run / "records.jsonl").open()]
    kinds = {r["record"] for r in records}
    assert kinds == {"data", "train", "evaluation", "verdict"}, kinds
    data = records[0]
    assert data["record"] == "data" and data["step"] == 0 and data["faults"] == [], data
    assert sum(data["labels"]) == data["looked_at"] == data["dataset_size"], data
    assert len(data["labels"]) == len(data["class_names"]) in (8, 10), data
    assert sum(data["batch_of_rank"]) == (32 if name == "00002-images" else 64), data
    for r in records:
        assert list(r)[:4] == ["record", "step", "samples", "time_s"], list(r)
    trains = [r for r in records if r["record"] == "train"]
    for r in trains:
        found = {key for key in r if key.startswith("loss_")}
        assert losses <= found, f"{run}: losses {found}"
    for r in records:
        if r["record"] == "evaluation":
            check_types(run, r, figures)
            if "modes_covered" in r:
                assert 0 <= r["modes_covered"] <= r["modes_total"]
                assert 0 <= r.get("high_quality", 0) <= 1
        elif r["record"] == "verdict":
            assert r["state"] in STATES and r["reason"] and isinstance(r["kind"], str), r
    evaluated = [r["step"] for r in records if r["record"] == "evaluation"]
    assert evaluated[0] == 0 and evaluated[-1] == steps, evaluated

    verdict = json.loads((run / "verdict.json").read_text())
    last = [r for r in records if r["record"] == "verdict"][-1]
    said = ("state", "kind", "reason", "missing", "starved", "narrow", "crowded")
    assert all(verdict[key] == last[key] for key in said), (verdict, last)
print("run folders are as documented")
PYTHON

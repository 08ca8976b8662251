#!/usr/bin/env bash
# A VAE whose KL costs more than any dimension of the data is worth collapses; with a rollback that
# makes it cheaper the same run ends without a collapse, on one rank and on two, and a resumed run
# keeps what was adjusted. Without one, on_collapse "stop" ends with its own code.
#
# The ring's coordinates have variance 2; a dimension is used where that exceeds beta * variance
# (Lucas et al., arXiv 1911.02469): 4 before, 0.04 after.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

cat >vae.txtpb <<'CONFIG'
name: "vae"
batch: 64
steps: 400
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 4000 }
vae {
  latent { dimension: 4 }
  encoder { width: 32 depth: 2 }
  decoder { width: 32 depth: 2 }
  optimizer { learning_rate: 2e-3 }
  likelihood: "gaussian"
  variance: 1
  beta: 4
}
diagnostics { log_every: 50 evaluate_every: 200 samples: 400 calibration_draws: 50 }
verdict { rollback { limit: 2 kl_weight: 0.01 } }
checkpoints { every: 200 }
images { every: 0 count: 16 }
CONFIG

expect 0 "$program" train vae.txtpb --out warn
says out 'collapsed: posterior_collapse'
expect 3 "$program" train vae.txtpb --out stop --on-collapse stop
for ranks in 1 2; do
  expect 0 on_ranks "$ranks" train vae.txtpb --out "back$ranks" --on-collapse rollback
  says err 'rollback 1 of 2: from step 400 to step 0 because of posterior_collapse; vae.beta 4 -> 0.04'
  grep -q 'collapsed' out && { cat out; fail "the run still ends in a collapse"; }
done
expect 0 "$program" train vae.txtpb --out back1 --on-collapse rollback --resume auto --steps 600
says err 'with the adjustments of 1 rollbacks'

python3 - <<'PYTHON'
import json, pathlib

for ranks in 1, 2:
    run = pathlib.Path(f"back{ranks}/00000-vae")
    records = [json.loads(line) for line in (run / "records.jsonl").open()]
    back = [r for r in records if r["record"] == "rollback"]
    assert len(back) == 1 and back[0]["step"] == 0 and back[0]["from_step"] == 400, back
    assert back[0]["kind"] == "posterior_collapse" and "KL" in back[0]["reason"], back
    assert back[0]["adjustments"] == ["vae.beta 4 -> 0.04"], back
    # The attempt that began anew at step 0 evaluated the untrained model once more; it is recorded once.
    for kind in "evaluation", "verdict":
        steps = [r["step"] for r in records if r["record"] == kind]
        assert steps == sorted(set(steps)) and (kind == "verdict" or steps[0] == 0), (kind, steps)
    # What was left behind is kept aside, with the verdict that ended it.
    aside = [json.loads(line) for line in (run / "records-before-rollback-1.jsonl").open()]
    assert aside[-1]["record"] == "verdict" and aside[-1]["state"] == "collapsed", aside[-1]
    verdict = json.loads((run / "verdict.json").read_text())
    assert verdict["state"] != "collapsed" and len(verdict["rollbacks"]) == 1, verdict
losses = [[r["loss_reconstruction"] for r in map(json.loads, open(f"back{n}/00000-vae/records.jsonl"))
           if r["record"] == "train" and r["step"] <= 400] for n in (1, 2)]
assert len(losses[0]) == len(losses[1]) and all(
    abs(a - b) <= 1e-3 * abs(b) for a, b in zip(*losses)), losses
print("the run went back once and ended without a collapse")
PYTHON

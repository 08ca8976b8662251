#!/usr/bin/env bash
# A first stage with a codebook: stopped halfway and resumed it has the same bits, through the start of
# its discriminator and through restarts of codes; 1, 2 and 4 ranks have the same codebook, also when they
# go on from each other's checkpoints; a book that
# is too large for what was seen is said to have collapsed; what has no prior does not draw.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python3 "$source/tests/end_to_end/make_data.py" data
small=("$source/configs/first_stage_vq.txtpb" --quiet --set data.dataset=mnist
  --set data.path=data/mnist
  --set first_stage.encoder.width=4 --set first_stage.decoder.width=4
  --set first_stage.discriminator.width=4 --set first_stage.channels=3 --set first_stage.codes=32
  --set first_stage.restart_below=1 --set first_stage.discriminator_start=5
  --set first_stage.discriminator_warmup=2 --set first_stage.optimizer.warmup_steps=2
  --set batch=16 --set diagnostics.samples=64 --set diagnostics.classifier=false
  --set diagnostics.evaluate_every=5 --set images.every=0 --set checkpoints.every=0
  --set checkpoints.keep=5)

expect 0 on_ranks 2 train "${small[@]}" --out whole --steps 10
expect 0 on_ranks 2 train "${small[@]}" --out halves --steps 4
expect 0 on_ranks 2 train "${small[@]}" --out halves --steps 10 --resume auto
same_state 10 whole/00000-first_stage_vq halves/00000-first_stage_vq

# Deterministic shards: the same bits on any number of ranks.
shards=(--set deterministic_shards=4 --set first_stage.adaptive_weight=false)
for ranks in 1 2 4; do
  expect 0 on_ranks "$ranks" train "${small[@]}" "${shards[@]}" --out "shards-$ranks" --steps 10
  same_state 10 shards-1/00000-first_stage_vq "shards-$ranks/00000-first_stage_vq"
done

# Also across a resume on fewer ranks, and with running means of scores (LeCam).
for out in lecam-whole lecam-halves; do
  steps=10 ranks=1
  if [[ $out == lecam-halves ]]; then steps=4 ranks=4; fi
  expect 0 on_ranks "$ranks" train "${small[@]}" "${shards[@]}" --set first_stage.lecam=0.01 \
    --out "$out" --steps "$steps"
done
expect 0 on_ranks 2 train "${small[@]}" "${shards[@]}" --set first_stage.lecam=0.01 --out lecam-halves \
  --steps 10 --resume auto
same_state 10 lecam-whole/00000-first_stage_vq lecam-halves/00000-first_stage_vq
expect 0 on_ranks 4 train "${small[@]}" "${shards[@]}" --out shards-halves --steps 4
expect 0 on_ranks 2 train "${small[@]}" "${shards[@]}" --out shards-halves --steps 10 --resume auto
same_state 10 shards-1/00000-first_stage_vq shards-halves/00000-first_stage_vq

expect 64 "$program" sample whole/00000-first_stage_vq --out x.npy
says err "no prior to draw from"
[[ ! -e x.npy ]] || fail "a refused command wrote a file"

# Without restarts, and codes that start far from the data.
expect 0 "$program" train "${small[@]}" --out dead --steps 5 --set first_stage.restart_below=0 \
  --set first_stage.codebook=gradient --set first_stage.codes=512
python3 - <<'PYTHON'
import json

def last(path, kind):
    with open(path) as file:
        return [r for r in map(json.loads, file) if r["record"] == kind][-1]

whole = last("whole/00000-first_stage_vq/records.jsonl", "evaluation")
for field in ("codes", "codes_used", "code_perplexity", "code_perplexity_floor", "reconstruction_l1",
              "reconstruction_psnr", "reconstruction_ssim", "told_apart", "logits_real"):
    assert field in whole, (field, sorted(whole))
assert 1 <= whole["code_perplexity"] <= whole["codes_used"] <= whole["codes"] == 32
assert "adaptive_weight" in last("whole/00000-first_stage_vq/records.jsonl", "train")
verdict = json.load(open("dead/00000-first_stage_vq/verdict.json"))
found = [finding["kind"] for finding in verdict["findings"]]
assert "codebook_collapse" in found, verdict
PYTHON

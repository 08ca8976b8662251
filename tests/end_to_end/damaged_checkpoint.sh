#!/usr/bin/env bash
# A damaged or half-written checkpoint is refused by name and the one before it is used.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
arguments=(train ring.txtpb --quiet --out runs --set checkpoints.every=20 --set checkpoints.keep=9)
expect 0 "$program" "${arguments[@]}"
cp -r runs/00000-ring/checkpoints good
checkpoints=runs/00000-ring/checkpoints

flip() {  # FILE BYTE: inverts one byte
  python3 - "$@" <<'PYTHON'
import sys

with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 0xFF]))
PYTHON
}

# resumes_from STEP PATTERN: --resume auto goes on from there and has said what it refused and why.
resumes_from() {
  expect 0 "$program" "${arguments[@]}" --resume auto
  cat out err >said
  says said "$2"
  grep 'resumed at step' runs/00000-ring/log.txt | tail -n 1 >resumed
  says resumed "resumed at step $1 "
  cmp good/step-00000060/generator.safetensors "$checkpoints/step-00000060/generator.safetensors" ||
    fail "the end is not the same after resuming from step $1"
}

flip "$checkpoints/step-00000060/generator.safetensors" 5000
resumes_from 40 'step-00000060.*generator\.safetensors|generator\.safetensors.*step-00000060'

truncate -s 100 "$checkpoints/step-00000060/manifest.pb"
resumes_from 40 'step-00000060'

rm "$checkpoints/step-00000060/manifest.pb" "$checkpoints/step-00000040/discriminator.safetensors"
resumes_from 20 'step-00000040'

# What a crash leaves: a folder under its temporary name, which is no checkpoint; and half a line of
# records.
rm -r "$checkpoints/step-00000060"
mkdir "$checkpoints/.tmp-step-00000060"
head -c 3000 good/step-00000060/generator.safetensors \
  >"$checkpoints/.tmp-step-00000060/generator.safetensors"
printf '{"record":"train","step":4' >>runs/00000-ring/records.jsonl
expect 0 on_ranks 2 "${arguments[@]}" --resume auto
python3 -c 'import json; [json.loads(line) for line in open("runs/00000-ring/records.jsonl")]' ||
  fail "records.jsonl has a damaged line"

# A configuration that does not fit the checkpoint is refused and leaves the run as it was.
cp runs/00000-ring/config.txtpb before.txtpb
expect 78 "$program" "${arguments[@]}" --resume auto --set gan.generator.width=16
says err 'gan\.generator\.width: 32 -> 16'
expect 65 "$program" "${arguments[@]}" --resume auto --set gan.generator.width=16 \
  --allow-change gan.generator
says err 'generator\.safetensors'
cmp before.txtpb runs/00000-ring/config.txtpb || fail "a refused --resume changed config.txtpb"

# Named by its path, a damaged one is an error.
flip "$checkpoints/step-00000060/generator.safetensors" 5000
expect 65 "$program" "${arguments[@]}" --resume "$checkpoints/step-00000060"
says err 'generator\.safetensors'

# With none left nothing begins anew: all of them are named, and what can be done.
for folder in "$checkpoints"/step-000000[24]0; do flip "$folder/generator.safetensors" 5000; done
expect 65 "$program" "${arguments[@]}" --resume runs/00000-ring
expect 65 "$program" "${arguments[@]}" --resume auto
for step in 20 40 60; do says err "step-000000$step"; done
says err 'start anew without --resume'
[[ "$(echo runs/*)" == runs/00000-ring ]] || fail "--resume auto made another run"
echo "damaged checkpoints are refused"

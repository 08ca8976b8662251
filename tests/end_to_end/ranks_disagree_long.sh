#!/usr/bin/env bash
# label: long
# Some thirty ways in which two ranks of a job may have been started for different trainings: each ends with
# 76 before the first step, and the message names what differs and what either rank has.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
kinds=0

# differ WHAT WORDS_OF_RANK_1...: rank 0 has none of these words.
differ() {
  local what="$1" status=0
  shift
  timeout 60 mpirun -np 1 "${mpirun_options[@]}" "$program" train ring.txtpb ${common[@]+"${common[@]}"} : \
    -np 1 ${of_rank_1[@]+"${of_rank_1[@]}"} "${program_1:-$program}" train "${config_1:-ring.txtpb}" \
    ${common[@]+"${common[@]}"} "$@" </dev/null >out 2>err || status=$?
  ((status == 76)) || { cat err; fail "$what: exit status $status instead of 76"; }
  says err "the ranks disagree about (the |)$what: rank 0 on .*; rank 1 on "
  kinds=$((kinds + 1))
}
common=() of_rank_1=() program_1="" config_1=""

# Fields of every block of the configuration.
while read -r field value; do
  differ "configuration's $field" --set "$field=$value"
done <<'FIELDS'
seed 2
steps 61
batch 128
microbatches 2
deterministic_shards 2
data.modes 7
data.std 0.06
data.samples 4001
gan.loss hinge
gan.latent.dimension 17
gan.generator.width 33
gan.discriminator.depth 3
gan.generator_optimizer.learning_rate 2e-3
gan.discriminator_optimizer.warmup_steps 11
gan.packing 2
verdict.grace_steps 3
exchange.bucket_mib 1
diagnostics.evaluate_every 31
diagnostics.samples 201
verdict.dropped_share 0.2
checkpoints.every 31
images.every 7
watchdog.limit_s 11
consistency.replicas_every 501
FIELDS
differ "configuration's gan.penalty.kind" --set 'gan.penalty=[{ kind: "r1" weight: 1 }]'
differ "configuration's verdict\\.on_collapse" --on-collapse stop

# What the command line says beside it.
differ "option --resume" --resume auto
differ "option --out" --out elsewhere
differ "option --dry-run" --dry-run
differ "option --allow-change" --allow-change seed

# Another build of the program: its version, of the same length, stands in its bytes.
version="$("$program" --version | head -n 1 | cut -d ' ' -f 2)"
python3 - "$program" "$version" <<'PYTHON'
import sys

program, version = sys.argv[1], sys.argv[2].encode()
data = open(program, "rb").read()
other = version[:-1] + (b"x" if version[-1:] != b"x" else b"y")
assert data.count(version) >= 1, version
open("other", "wb").write(data.replace(version, other))
PYTHON
chmod +x other
program_1="$work/other"
differ "version of allmodes"
program_1=""

# The same words, other bytes: of the configuration, of the data, of labels.
sed 's/width: 32/width: 40/' ring.txtpb >other.txtpb
config_1=other.txtpb
differ "configuration's gan.generator.width"
config_1=""

[[ ! -e runs ]] || fail "a start that was refused left a run folder: $(ls runs)"
echo "$kinds kinds of disagreement named at the start"

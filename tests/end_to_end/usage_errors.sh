#!/usr/bin/env bash
# Every kind of failure has its exit status and a message on stderr; help and version are no
# failure.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb

expect 0 "$program" --version
says out '^allmodes [0-9]+\.[0-9]+'
expect 0 "$program" --help
says out 'Examples'
says out 'Exit codes'
for subcommand in train validate diagnose sample export doctor explain; do
  says <("$program" --help) "$subcommand"
  expect 0 "$program" "$subcommand" --help
  [[ ! -s err ]] || fail "$subcommand --help wrote to stderr"
done

expect 64 "$program"
expect 64 "$program" --unknown
expect 64 "$program" trainn ring.txtpb
says err "unknown command 'trainn'; did you mean 'train'"
expect 64 "$program" train
expect 64 "$program" train ring.txtpb --unknown
says err "unknown option '--unknown'"
expect 64 "$program" train ring.txtpb --stesp 3
says err "unknown option '--stesp'; did you mean '--steps'"
expect 64 "$program" sample runs --seed -1
expect 64 "$program" train ring.txtpb --steps many
expect 64 "$program" train ring.txtpb --on-collapse ignore
expect 64 on_ranks 2 train ring.txtpb --unknown
[[ "$(grep -c "unknown option" err)" == 1 ]] || { cat err; fail "two ranks said the same"; }
expect 64 "$program" train ring.txtpb --set batch=32 steps=3
says err "each field has a --set of its own: --set 'steps=3'"

expect 66 "$program" train missing.txtpb
says err 'missing\.txtpb'
expect 66 "$program" train rin_gan
says err "did you mean 'ring_gan'"
expect 66 "$program" validate missing.txtpb rin_gan
says err "did you mean 'ring_gan'"
expect 66 "$program" validate missing.txtpb
expect 64 "$program" validate
says err 'CONFIG is required'
printf '["ring.txtpb", "batch=32"]\n["ring.txtpb", "name=a.b", "batch=16"]\n' >each.jsonl
expect 0 "$program" validate --each each.jsonl
[[ "$(grep -c 'ring.txtpb: good' out)" == 2 ]] || fail "--each: $(cat out)"
expect 78 "$program" validate --each each.jsonl --set batch=0
echo '["ring.txtpb", "batch=0"]' >>each.jsonl
expect 78 "$program" validate --each - <each.jsonl
echo 'ring.txtpb batch=32' >>each.jsonl
expect 65 "$program" validate --each each.jsonl
says err 'each.jsonl:4: not a JSON list of strings'
expect 66 "$program" validate --each nowhere.jsonl
says err 'nowhere.jsonl cannot be opened: No such file or directory'
expect 66 "$program" train ring.txtpb --out runs --resume missing
[[ ! -s out ]] || fail "messages went to stdout"

touch file
expect 73 "$program" train ring.txtpb --out file/runs
says err "cannot create the folder '.*/file'"
if ((EUID != 0)); then
  mkdir -m 555 sealed
  expect 73 "$program" train ring.txtpb --out sealed/runs
fi

expect 78 "$program" train ring.txtpb --set batch=many --out runs
says err 'batch'
expect 78 "$program" train ring.txtpb --set nothing.here=1 --out runs

# Missing and damaged data are found before training, with the place of the field that names them
# and, of a damaged file, the byte; beside other mistakes they are one of them.
python3 "$source/tests/end_to_end/make_data.py" data
gzip -dc data/mnist/train-images-idx3-ubyte.gz >short-idx3-ubyte
truncate -s 1000 short-idx3-ubyte
expect 65 "$program" train "$source/configs/idx_vae.txtpb" --out runs \
  --set data.path=short-idx3-ubyte --set 'data.labels='
says err '^--set data\.path: .*short-idx3-ubyte, byte [0-9]+'
expect 66 "$program" train "$source/configs/mnist_gan.txtpb" --out runs --set data.path=nowhere
says err '^--set data\.path: .*nowhere'
cat >missing.txtpb <<'CONFIG'
data { dataset: "mnist" path: "nowhere" }
vae {}
CONFIG
expect 66 "$program" validate missing.txtpb ring.txtpb
says err '^missing\.txtpb:1:25: .*nowhere'
says out '^ring\.txtpb: good'
expect 66 on_ranks 2 train missing.txtpb --out runs
[[ "$(grep -c nowhere err)" == 1 ]] || { cat err; fail "two ranks said the same"; }
expect 78 "$program" validate missing.txtpb --set batch=0
says err 'nowhere'
says err 'batch'
[[ ! -e runs ]] || fail "a failed start left a run folder: $(ls runs)"

# Colour only where asked for, and data on stdout alone.
expect 0 "$program" train ring.txtpb --dry-run
head -n 1 out | grep -q '^# proto-file:' || fail "--dry-run does not begin with the header"
! grep -q $'\033' out err || fail "escape sequences although NO_COLOR is set"
if [[ -c /dev/full ]]; then
  status=0
  "$program" train ring.txtpb --dry-run >/dev/full 2>err || status=$?
  ((status == 74)) || fail "exit status $status when standard output is full"
fi
expect 0 "$program" doctor
says out '[Ll]ib[Tt]orch'
echo "usage errors have their exit status"

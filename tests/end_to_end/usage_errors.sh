#!/usr/bin/env bash
# Every kind of failure has its exit status and a message on stderr; help and version are no
# failure.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb

expect 0 "$program" --version
says out '^allmodes [0-9]+\.[0-9]+'
expect 0 "$program" --help
says out 'Examples'
says out 'Exit codes'
for subcommand in train validate sample export doctor; do
  says <("$program" --help) "$subcommand"
  expect 0 "$program" "$subcommand" --help
  [[ ! -s err ]] || fail "$subcommand --help wrote to stderr"
done

expect 64 "$program"
expect 64 "$program" --unknown
expect 64 "$program" trainn ring.txtpb
expect 64 "$program" train
expect 64 "$program" train ring.txtpb --unknown
says err 'unknown'
expect 64 "$program" train ring.txtpb --steps many
expect 64 "$program" train ring.txtpb --on-collapse ignore
expect 64 on_ranks 2 train ring.txtpb --unknown

expect 66 "$program" train missing.txtpb
says err 'missing\.txtpb'
expect 66 "$program" validate missing.txtpb
expect 66 "$program" train ring.txtpb --out runs --resume missing
[[ ! -s out ]] || fail "messages went to stdout"

touch file
expect 73 "$program" train ring.txtpb --out file/runs
says err 'file/runs'
if ((EUID != 0)); then
  mkdir -m 555 sealed
  expect 73 "$program" train ring.txtpb --out sealed/runs
fi

expect 78 "$program" train ring.txtpb --set batch=many --out runs
says err 'batch'
expect 78 "$program" train ring.txtpb --set nothing.here=1 --out runs

# Missing and truncated data are mistakes of the configuration that names them: found before training,
# with the place of that block and, of a damaged file, the byte.
python3 "$source/tests/end_to_end/make_data.py" data
gzip -dc data/mnist/train-images-idx3-ubyte.gz >short-idx3-ubyte
truncate -s 1000 short-idx3-ubyte
expect 78 "$program" train "$source/configs/idx_vae.txtpb" --out runs \
  --set data.path=short-idx3-ubyte --set 'data.labels='
says err 'idx_vae\.txtpb:[0-9]+:[0-9]+: .*short-idx3-ubyte, byte [0-9]+'
expect 78 "$program" train "$source/configs/mnist_gan.txtpb" --out runs --set data.path=nowhere
says err 'mnist_gan\.txtpb:[0-9]+:[0-9]+: .*nowhere'
[[ ! -e runs ]] || fail "a failed start left a run folder: $(ls runs)"

# Colour only where asked for, and data on stdout alone.
expect 0 "$program" train ring.txtpb --dry-run
head -n 1 out | grep -q '^# proto-file:' || fail "--dry-run does not begin with the header"
! grep -q $'\033' out err || fail "escape sequences although NO_COLOR is set"
expect 0 "$program" doctor
says out '[Ll]ib[Tt]orch'
echo "usage errors have their exit status"

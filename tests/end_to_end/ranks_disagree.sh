#!/usr/bin/env bash
# Ranks that were started with different configurations or data, or of which one is refused, do not
# train: all end at once, and the difference is named.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb

# two_ranks ARGUMENT... : ARGUMENT...: one rank with each list.
two_ranks() {
  local -a first=() second=()
  while [[ "$1" != : ]]; do first+=("$1"); shift; done
  second=("${@:2}")
  mpirun -np 1 "${mpirun_options[@]}" "$program" train "${first[@]}" --out runs : \
    -np 1 "$program" train "${second[@]}" --out runs
}

expect 76 two_ranks ring.txtpb --set seed=1 : ring.txtpb --set seed=2
says err "configuration's seed: rank 0 on .*: '1'; rank 1 on .*: '2'"
expect 76 two_ranks ring.txtpb : ring.txtpb --set gan.generator_optimizer.beta2=0.9
says err "configuration's gan\\.generator_optimizer\\.beta2: rank 0 .*'0\\.999'; rank 1 .*'0\\.9'"
expect 76 two_ranks ring.txtpb --steps 10 : ring.txtpb --steps 20
says err "configuration's steps: rank 0 on .*: '10'; rank 1 on .*: '20'"
expect 76 two_ranks ring.txtpb : ring.txtpb --set exchange.bucket_mib=1
says err "configuration's exchange\\.bucket_mib: rank 0 .*'25'; rank 1 .*'1'"

# The same words, other bytes.
python3 "$source/tests/end_to_end/make_data.py" one
python3 "$source/tests/end_to_end/make_data.py" other
python3 - <<'PYTHON'
import gzip

path = "other/mnist/train-images-idx3-ubyte.gz"
with gzip.open(path) as file:
    data = bytearray(file.read())
data[5000] ^= 1
with gzip.open(path, "wb") as file:
    file.write(data)
PYTHON
cat >images.txtpb <<'CONFIG'
data { dataset: "mnist" path: "mnist" }
vae {}
CONFIG
status=0
mpirun -np 1 -wdir one "${mpirun_options[@]}" "$program" train ../images.txtpb --out ../runs : \
  -np 1 -wdir other "$program" train ../images.txtpb --out ../runs >out 2>err || status=$?
((status == 76)) || { cat err; fail "exit status $status for ranks with different data"; }
says err 'data set: rank 0 on .*; rank 1 on '

# A mistake that one rank alone makes is said too, and by which.
expect 78 two_ranks ring.txtpb : ring.txtpb --set batch=0
says err 'found on rank 1'
says err '^--set batch: batch: .*is 0'

[[ ! -e runs ]] || fail "a failed start left a run folder: $(ls runs)"
echo "ranks that disagree are refused"

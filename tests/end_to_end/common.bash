# shellcheck shell=bash
# Sourced by the scripts of this folder: where the program is, how it is run, what is checked how. A
# script ends with 0 when everything held, 1 at the first thing that did not, 77 when it cannot run.
#
#   $program   the binary, ALLMODES_BINARY or the one in build/
#   $source    the checkout
#   $work      an empty folder, removed at the end

set -euo pipefail

source="${ALLMODES_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
program="${ALLMODES_BINARY:-$source/build/allmodes}"
if [[ ! -x "$program" ]]; then
  echo "skipped: no program at $program"
  exit 77
fi
work="$(mktemp -d "${TMPDIR:-/tmp}/allmodes-test.XXXXXX")"
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_NUM_THREADS=1 NO_COLOR=1 PYTHONDONTWRITEBYTECODE=1
if ((EUID == 0)); then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# Ranks outnumber cores here, so they give the core away while they wait; nothing leaves the host.
mpirun_options=(--oversubscribe --bind-to none --mca mpi_yield_when_idle 1
  --mca oob_tcp_if_include lo --mca btl_tcp_if_include lo
  --mca btl_vader_single_copy_mechanism none)

# The script on standard input, which may import array_file.
python_with_arrays() {
  PYTHONPATH="$source/tests/end_to_end" python3 -
}

# on_ranks N ARGUMENT...: the program on N ranks; on 1 it runs alone, without mpirun.
on_ranks() {
  local ranks="$1"
  shift
  if ((ranks == 1)); then
    "$program" "$@"
  else
    mpirun -np "$ranks" "${mpirun_options[@]}" "$program" "$@"
  fi
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect STATUS COMMAND...: runs it with its output in $work/out and $work/err and wants that
# status.
expect() {
  local wanted="$1" status=0
  shift
  "$@" >"$work/out" 2>"$work/err" || status=$?
  if ((status != wanted)); then
    echo "---- stdout"; tail -n 40 "$work/out"
    echo "---- stderr"; tail -n 40 "$work/err"
    fail "exit status $status instead of $wanted: $*"
  fi
}

# says FILE PATTERN: the file has a line that matches the extended regular expression.
says() {
  grep -Eq -- "$2" "$1" || { cat "$1"; fail "$(basename "$1") does not say '$2'"; }
}

# says_unwrapped FILE REGEX: the same of a text whose lines were broken at 80 characters.
says_unwrapped() {
  sed -E ':a;N;$!ba;s/\n  ([^ ])/ \1/g' "$1" >"$1.unwrapped"
  says "$1.unwrapped" "$2"
}

# await_checkpoint: until there is one in runs/00000-ring, of the job $job that writes to $work/err.
await_checkpoint() {
  local tenths
  for ((tenths = 0; tenths < 600; ++tenths)); do
    compgen -G 'runs/00000-ring/checkpoints/step-*/manifest.pb' >/dev/null && return
    kill -0 "$job" 2>/dev/null || { cat "$work/err"; fail "the job ended before its first checkpoint"; }
    sleep 0.1
  done
  fail "no checkpoint within a minute"
}

# start_job RANKS ARGUMENT...: the program under mpirun in the background, its output in $work/out and
# $work/err, up to its first checkpoint in runs/00000-ring. $job is mpirun, ${ranks[@]} the ranks'
# processes.
start_job() {
  local count="$1"
  shift
  mpirun -np "$count" "${mpirun_options[@]}" "$program" "$@" >"$work/out" 2>"$work/err" &
  job=$!
  trap 'kill -9 $job 2>/dev/null || true; rm -rf "$work"' EXIT
  await_checkpoint
  # The fourth word of /proc/PID/stat is the parent. mpirun starts the ranks in their order.
  mapfile -t ranks < <(awk -v job="$job" '$4 == job {print $1}' /proc/[0-9]*/stat 2>/dev/null |
    sort -n)
  ((${#ranks[@]} == count)) || fail "found ${#ranks[@]} processes of $count ranks"
}

# end_of_job: waits for it; its exit status is $status, the milliseconds that it took $took.
end_of_job() {
  local began
  began="$(date +%s%N)"
  status=0
  wait "$job" || status=$?
  took=$((($(date +%s%N) - began) / 1000000))
}

# none_left MILLISECONDS: no rank's process is there in so many. One that nobody has waited for yet
# (state Z) has ended too.
none_left() {
  local rank state end
  end=$(($(date +%s%N) / 1000000 + $1))
  for rank in "${ranks[@]}"; do
    while :; do
      state="$(sed 's/.*) \(.\).*/\1/' "/proc/$rank/stat" 2>/dev/null || echo gone)"
      [[ "$state" != [ZX] && "$state" != gone ]] || break
      (($(date +%s%N) / 1000000 < end)) || fail "process $rank was left behind in state $state"
      sleep 0.1
    done
  done
}

# Writes the configuration of a small GAN on a ring.
write_ring_gan() {
  cat >"$1" <<'CONFIG'
name: "ring"
batch: 64
steps: 60
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 4000 }
gan {
  latent { dimension: 16 }
  generator { width: 32 depth: 2 norm: "batch" }
  discriminator { width: 32 depth: 2 }
  generator_optimizer { learning_rate: 1e-3 clip_norm: 0.5 }
  discriminator_optimizer { learning_rate: 1e-3 warmup_steps: 10 }
}
diagnostics { log_every: 1 evaluate_every: 30 samples: 200 }
checkpoints { every: 30 }
images { every: 0 count: 16 }
CONFIG
}

# payload FOLDER: of the run of write_ring_gan() in it, a hash of the weights, moments, averages and
# buffers after its 60 steps.
payload() {
  local -a files=("$1"/00000-ring/checkpoints/step-00000060/*.safetensors)
  ((${#files[@]} >= 2)) || fail "no payload in $1"
  cat "${files[@]}" | sha256sum
}

# same_state STEP A B: the checkpoints of two run folders at that step hold the same bits.
same_state() {
  local step file
  step="checkpoints/step-$(printf %08d "$1")"
  local -a files=("$2/$step"/*.safetensors)
  ((${#files[@]} >= 2)) || fail "no payload in $2"
  for file in "${files[@]}"; do
    cmp "$file" "$3/$step/$(basename "$file")" || fail "$2 and $3 differ"
  done
}

# A small VAE on the same ring.
write_ring_vae() {
  cat >"$1" <<'CONFIG'
name: "ring_vae"
batch: 64
steps: 60
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 4000 }
vae {
  latent { dimension: 4 }
  encoder { width: 32 depth: 2 }
  decoder { width: 32 depth: 2 }
  optimizer { learning_rate: 2e-3 decay: "cosine" }
  likelihood: "gaussian"
  variance: 0.05
}
diagnostics { log_every: 1 evaluate_every: 30 samples: 200 }
checkpoints { every: 30 }
images { every: 0 count: 16 }
CONFIG
}

# Pictures whose reads libslow_disk.so can make slow, and the configuration pictures.txtpb of a small GAN on
# them; $library is that library. Ends the test as skipped where it cannot be loaded.
make_slow_pictures() {
  library="$(dirname "$program")/tests/libslow_disk.so"
  if [[ ! -r "$library" || -n "${ASAN_OPTIONS:-}${TSAN_OPTIONS:-}" ]]; then
    echo "skipped: no $library, or a sanitizer, which has to be loaded first"
    exit 77
  fi
  python3 - <<'PYTHON'
import os

os.mkdir("pictures")
for i in range(16):
    with open(f"pictures/{i}.pgm", "wb") as file:
        file.write(b"P5 40 40 255\n" + bytes([8 * i]) * 1600)
PYTHON
  cat >pictures.txtpb <<'CONFIG'
name: "pictures"
batch: 8
steps: 2
data { dataset: "images" path: "pictures" image_size: 8 threads: 1 cache: "memory" }
gan {
  latent { dimension: 4 }
  generator { width: 8 depth: 1 }
  discriminator { width: 8 depth: 1 }
}
diagnostics { log_every: 2 evaluate_every: 100 samples: 64 calibration_draws: 50 }
images { every: 0 count: 4 }
CONFIG
}

#!/usr/bin/env bash
# A signal while a run still reads its data, which takes longer than whoever sent it waits: the job ends
# with 75 within seconds, on one rank and on two of which one has the signal, leaves nothing that the
# next start minds, and begins when it is asked again.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

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
cat >ring.txtpb <<'CONFIG'
name: "ring"
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
# For each picture three seconds: 48 in all.
passed=()
slow=("LD_PRELOAD=$library" SLOW_DISK_END=.pgm SLOW_DISK_S=3 SLOW_DISK_FIRST=1 SLOW_DISK_RANK=)
for variable in "${slow[@]}"; do passed+=(-x "$variable"); done

env "${slow[@]}" "$program" train ring.txtpb --quiet --out runs >out 2>err &
job=$!
sleep 2
kill -TERM "$job"
end_of_job
((status == 75 && took < 12000)) || { cat err; fail "exit status $status after $took ms"; }
says err 'SIGTERM: stopping before the first step'
one="$took"

mpirun -np 2 "${mpirun_options[@]}" "${passed[@]}" "$program" train ring.txtpb --quiet --out runs >out 2>err &
job=$!
for ((tenths = 0; tenths < 100; ++tenths)); do
  mapfile -t ranks < <(pgrep -P "$job" || true)
  ((${#ranks[@]} < 2)) || break
  sleep 0.1
done
sleep 3
kill -USR1 "${ranks[1]}"
end_of_job
((status == 75 && took < 15000)) || { cat err; fail "exit status $status after $took ms on two ranks"; }
says err 'SIGUSR1: stopping before the first step'
expect 0 on_ranks 2 train ring.txtpb --quiet --out runs --resume auto
echo "ended after $one and $took ms"

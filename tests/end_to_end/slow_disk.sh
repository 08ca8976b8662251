#!/usr/bin/env bash
# A job of two ranks whose data come slowly, one small picture after another, is no hang, though all of
# them take longer than a stage may take without progress; one rank whose loader stands still is found
# and named.
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
watchdog { limit_s: 1 stage_limit_s: 2 }
images { every: 0 count: 4 }
CONFIG

# slowly SECONDS FIRST RANK: the job on two ranks, each read of a picture so much longer.
slowly() {
  mpirun -np 2 "${mpirun_options[@]}" -x "LD_PRELOAD=$library" -x SLOW_DISK_END=.pgm \
    -x "SLOW_DISK_S=$1" -x "SLOW_DISK_FIRST=$2" -x "SLOW_DISK_RANK=$3" \
    "$program" train pictures.txtpb --out runs --quiet
}
began="$(date +%s)"
expect 0 slowly 0.1 1 ""
(($(date +%s) - began >= 3)) || fail "the reads were not slow"
expect 68 slowly 600 5 1
says err "missing: rank 1 on .*: alive, but without progress for .*loading data"
echo "slow loading is no hang, and loading that hangs is found"

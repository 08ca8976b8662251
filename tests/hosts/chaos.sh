#!/usr/bin/env bash
# label: long
#
#   ALLMODES_SOAK_S       about how long, default 600
#   ALLMODES_SOAK_EVERY   seconds between faults, on average, default 60; docs/operations.md tells of 120
#   ALLMODES_SEED         of what happens when, default 1
#
# A run of four ranks on three hosts of two places each, to which everything happens, one thing after
# the other: ranks, mpirun, or whole hosts are killed, ranks are frozen, cables are cut, the disk is
# full. run.sh starts again within the job, and an operator's loop starts the job again when that was
# not possible. The run has to end with the bits of the run that nobody touched, each step recorded
# once. Says how often it was hit, how long it took each time until a further step was recorded (of this: until
# a new start was made, until its ranks had met, until they had read the checkpoint), and what part of all
# the time went into steps that count.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/../end_to_end/common.bash"
# shellcheck source=tests/hosts/common.bash
source "$source/tests/hosts/common.bash"
soak="${ALLMODES_SOAK_S:-600}" every="${ALLMODES_SOAK_EVERY:-60}"
RANDOM="${ALLMODES_SEED:-1}"

make_hosts 2
mkdir disk
# Room for what such a run writes: records and event files, and once more the records while they are replaced.
mount -t tmpfs -o size=$((24 + soak / 20))m none disk || skip "no tmpfs can be mounted here"
operator_pid=""
clean_up() {
  [[ -z "$operator_pid" ]] || kill -9 "$operator_pid" 2>/dev/null || true
  for host in "${hosts[@]}"; do ip netns pids "$host" 2>/dev/null | xargs -r kill -9 2>/dev/null || true; done
  umount -l disk 2>/dev/null || true
  [[ -z "${ALLMODES_KEEP_WORK:-}" ]] || cp job.log "$ALLMODES_KEEP_WORK"
  remove_hosts
}
trap clean_up EXIT

# A host that has no power or no cable does not answer; ask it as ssh would be asked.
mv agent agent-of-a-host
cat >agent <<AGENT
#!/bin/sh
if [ -e "$work/off-\$1" ] || [ -e "$work/cut-\$1" ]; then sleep 2; exit 255; fi
exec "$work/agent-of-a-host" "\$@"
AGENT
chmod +x agent
answers() { [[ ! -e "off-$1" && ! -e "cut-$1" ]]; }

write_ring_gan ring.txtpb
arguments=(train ring.txtpb --deterministic --set diagnostics.log_every=10
  --set diagnostics.evaluate_every=100000)
cat >stamp.py <<'PYTHON'
import sys, time

for line in sys.stdin:
    print(f"{time.time():.2f} {line}", end="", flush=True)
PYTHON

# run_on HOST...: run.sh on the first of these hosts, four ranks on all of them, two where it is one.
run_on() {
  local ranks=$(($# > 1 ? 4 : 2))
  printf '%s slots=2\n' "$@" >hostfile
  ip netns exec "$1" unshare --uts --ipc --mount \
    bash -c 'hostname "$0"; mount -t tmpfs none /dev/shm; exec "$@"' "$1" \
    env ALLMODES_BINARY="$program" ALLMODES_NETWORK="$net.0/24" ALLMODES_START_LIMIT_S=60 \
    ALLMODES_MPIRUN="--mca plm_rsh_agent $work/agent --mca mpi_yield_when_idle 1 --bind-to none" \
    bash "$source/launch/run.sh" -n "$ranks" --hostfile "$work/hostfile" --restarts 100 -- \
    "${arguments[@]}" --out "$work/disk" --resume auto
}

last_step() {
  tail -q -n 1 disk/*/records.jsonl 2>/dev/null | grep -Eo '"step":[0-9]+' | tail -n 1 |
    sed 's/.*://' | grep . || echo 0
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# How many steps fit into the time: of four ranks on these hosts.
arguments+=(--set checkpoints.every=0 --steps 150)
expect 0 run_on "${hosts[@]:0:3}"
rate="$(sed -n 's/.*"step":150,.*"step_ms":\([0-9.]*\).*/\1/p' disk/*/records.jsonl | head -n 1)"
rm -rf disk/*
steps="$(awk -v soak="$soak" -v ms="$rate" 'BEGIN { print int(soak * 1000 / ms / 100 + 1) * 100 }')"
arguments=("${arguments[@]:0:${#arguments[@]}-2}" --set checkpoints.every_s=2 --steps "$steps")
echo "a step takes $rate ms: $steps steps, saved each 2 s"
hash_of() { cat "$1"/*/checkpoints/step-"$(printf '%08d' "$steps")"/*.safetensors | sha256sum; }

# Starts the job again until it is done, wherever there is a host.
operator() {
  local -a up
  local status host
  while :; do
    up=()
    for host in "${hosts[@]:0:3}"; do if answers "$host"; then up+=("$host"); fi; done
    if ((${#up[@]} > 0)); then
      echo "$(date +%s.%2N) operator: a start on ${up[*]}" >>job.log
      status=0
      run_on "${up[@]}" > >(python3 -u stamp.py >>job.log) 2>&1 || status=$?
      echo "$status" >>ends
      ((status != 0)) || break
    fi
    sleep 1
  done
  touch finished
}
began="$(now_ms)"
operator &
operator_pid=$!

ranks_on() { ip netns pids "$1" | while read -r pid; do
    [[ "$(readlink "/proc/$pid/exe")" != "$(realpath "$program")" ]] || echo "$pid"; done; }
all_ranks() { for host in "${hosts[@]:0:3}"; do ranks_on "$host"; done; }
any_of() { if (($# > 0)); then shift $((RANDOM % $#)); echo "$1"; fi; }
# What happens, each undone after a while.
strike() {
  local host="$2" victim
  case "$1" in
    "rank killed") kill -9 "$(any_of $(all_ranks))" ;;
    "all ranks killed") kill -9 $(all_ranks) ;;
    "rank frozen") kill -STOP "$(any_of $(all_ranks))" ;;
    "mpirun killed") kill -9 "$(for host in "${hosts[@]:0:3}"; do ip netns pids "$host"; done |
      while read -r pid; do [[ "$(cat "/proc/$pid/comm")" != mpirun ]] || echo "$pid"; done | head -n 1)" ;;
    "host without power")
      touch "off-$host"
      for _ in 1 2; do ip netns pids "$host" | xargs -r kill -9 2>/dev/null || true; done
      sleep 15
      rm "off-$host" ;;
    "cable cut")
      touch "cut-$host"
      victim="$(printf '%s\n' "${hosts[@]}" | grep -nx "$host" | cut -d : -f 1)"
      cut_link "$victim"
      sleep 15
      ip -n "${tag}sw" link set "v$((victim - 1))" up
      # What was cut off has ended by itself by then, or is switched off.
      rm "cut-$host" ;;
    "disk full")
      dd if=/dev/zero of=disk/full bs=64k status=none 2>/dev/null || true
      sleep 10
      rm -f disk/full ;;
  esac 2>/dev/null || true
}
# phases AT: of the first start after that time in milliseconds, when it was made, when its ranks had met and
# when they had read the checkpoint, in seconds after AT.
phases() {
  awk -v at="$1" '
    $1 < at / 1000 { next }
    !made && /operator: a start|a rank or host was lost .*; again/ { made = $1 }
    made && !met && / ranks? on .* nodes?, / { met = $1 }
    made && !read && /resumed at step/ { read = $1 }
    END { if (read) printf " (%.1f, %.1f, %.1f)", made - at / 1000, met - at / 1000, read - at / 1000 }' job.log
}
resumed_since() { awk -v at="$1" '$1 >= at / 1000 && /resumed at step/ { found = 1 } END { exit !found }' job.log; }
kinds=("rank killed" "rank frozen" "host without power" "cable cut" "disk full" "mpirun killed" "all ranks killed")
hits=0 longest=0
while [[ ! -e finished ]]; do
  pause=$((every / 2 + RANDOM % (every + 1)))
  for ((second = 0; second < pause; ++second)); do
    [[ ! -e finished ]] || break 2
    sleep 1
  done
  kind="${kinds[hits % ${#kinds[@]}]}"
  before="$(last_step)" at="$(now_ms)"
  strike "$kind" "${hosts[RANDOM % 3]}" &
  struck=$!
  # Training again: a start has resumed and is further than the last one was, or, where what happened is
  # lived through (a full disk, a host that had no part), it is further after 15 s.
  for ((tenths = 0; tenths < 3000; ++tenths)); do
    [[ ! -e finished ]] || break
    if ((tenths > 150)) || [[ "$kind" == "disk full" ]] || resumed_since "$at"; then
      (($(last_step) <= before + 30)) || break
    fi
    sleep 0.1
  done
  ((tenths < 3000)) || { tail -n 60 job.log; fail "no step in five minutes after: $kind"; }
  took=$(($(now_ms) - at))
  wait "$struck" || true
  ((took <= longest)) || longest="$took"
  hits=$((hits + 1))
  printf '%4d s  %-20s at step %6d, further after %5.1f s%s\n' $(((at - began) / 1000)) "$kind" "$before" \
    "$(awk -v ms="$took" 'BEGIN { print ms / 1000 }')" "$(phases "$at")"
done
wall=$(($(now_ms) - began))
wait "$operator_pid" || true
operator_pid=""

strange="$(grep -Evx '0|68|69|73|74|137|143' ends || true)"
[[ -z "$strange" ]] || { tail -n 60 job.log; fail "the job ended with $(echo "$strange" | tr '\n' ' ')"; }
echo "now the run that nobody touches, to compare the bits"
expect 0 "$program" "${arguments[@]}" --out calm
[[ "$(hash_of disk)" == "$(hash_of calm)" ]] || fail "the model is not the calm run's"
python3 - disk/*/records.jsonl "$wall" "$hits" "$(wc -l <ends)" "$longest" <<'PYTHON'
import json, sys
*files, wall, hits, starts, longest = sys.argv[1:]
trains = [r for f in files for r in map(json.loads, open(f)) if r["record"] == "train"]
steps = [r["step"] for r in trains]
assert steps == sorted(set(steps)), "a step is recorded twice"
assert len(steps) == steps[-1] // 10, "a step is not recorded"
counted, took = trains[-1]["time_s"], int(wall) / 1000
lost = (took - counted) / max(1, int(hits))
print(f"{hits} faults in {took:.0f} s, one in {took / max(1, int(hits)):.0f} s, {starts} starts of the job: the "
      f"calm run's bits; at most {int(longest) / 1000:.1f} s until a further step; effective training time "
      f"{100 * counted / took:.1f} %: each fault cost {lost:.1f} s, which is {100 * lost / (3600 + lost):.2f} % of "
      f"the time where there is one an hour")
PYTHON

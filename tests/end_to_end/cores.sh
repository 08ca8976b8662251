#!/usr/bin/env bash
# Where run.sh puts its ranks: each on cores of its own when the job fills the machine; where it was
# given some cores only, or leaves some to others, on those that it was given, and not on the first.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

cat >placed <<'TEXT'
#!/usr/bin/env bash
echo "cores $(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status)"
TEXT
chmod +x placed
export ALLMODES_BINARY="$work/placed"
unset OMP_NUM_THREADS

# places N COMMAND...: of N ranks, sorted
places() { "${@:2}" "$source/launch/run.sh" -n "$1" -- train 2>err | sed -n 's/^cores //p' | sort; }
given="$(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status)"
processors="$(nproc)"
if ((processors < 2)); then
  echo "skipped: one processor"
  exit 77
fi
last="${given##*[-,]}"
[[ "$(places 1 taskset -c "$last")" == "$last" ]] || { cat err; fail "not on the core given"; }
[[ "$(places 2 taskset -c "$last")" == "$last"$'\n'"$last" ]] || { cat err; fail "two ranks not on it"; }
[[ "$(OMP_NUM_THREADS=1 places 1 env)" == "$given" ]] || { cat err; fail "bound, with cores to spare"; }
# Hyperthreads of one core are no cores of their own.
cores="$(bash -c 'source "$1/launch/env.sh" && echo "$cores"' - "$source")"
if ((cores >= 2 && processors == $(getconf _NPROCESSORS_ONLN))); then
  two="$(places 2 env)"
  [[ "$(wc -l <<<"$two")" == 2 && "$(uniq <<<"$two" | wc -l)" == 2 ]] ||
    { cat err; fail "two ranks that fill the machine are not apart: $two"; }
  echo "two ranks on ${two//$'\n'/ and }; one that was given $last on $last"
fi

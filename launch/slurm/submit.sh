#!/usr/bin/env bash
# Checks a configuration, writes its batch script beside the run, shows it and submits it to Slurm.
#
#   launch/slurm/submit.sh CONFIG [--nodes N] [--ranks-per-node N] [--gpus-per-node N] [--time TIME]
#       [--array SEEDS] [--out DIR] [--show] [--sbatch WORD]... [-- ARGUMENT OF allmodes train...]
#
#   launch/slurm/submit.sh configs/ring_gan.txtpb --nodes 2 --ranks-per-node 4 --time 12:00:00
#   launch/slurm/submit.sh configs/ring_gan.txtpb --array 5 -- --steps 20000 --on-collapse stop
#
#   --ranks-per-node N  default: the GPUs of a node, else 1
#   --cpus-per-rank N   default 1
#   --array SEEDS       that many tasks, of seed 1, 2, ..., each with a run folder of its own
#   --out DIR           where script, log and runs go, default runs/submitted/NAME-DATE
#   --sbatch WORD       a further word for sbatch, such as --sbatch --partition=long; any number of times
#   --show              write and show the script, submit nothing
#
# What the job does when it is told to stop or loses a node: launch/slurm/train.sbatch.

set -euo pipefail
# shellcheck source=launch/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/../env.sh"

refuse() {
  echo "submit.sh: $1" >&2
  exit "${2:-64}"
}

config="" nodes=1 ranks="" gpus="" cpus=1 time=04:00:00 array="" out="" show=false
extra=()
while (($# > 0)); do
  case "$1" in
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    --show) show=true; shift; continue ;;
    --) shift; break ;;
    --*) (($# > 1)) || refuse "$1 wants a value" ;;&
    --nodes) nodes="$2" ;;
    --ranks-per-node) ranks="$2" ;;
    --gpus-per-node) gpus="$2" ;;
    --cpus-per-rank) cpus="$2" ;;
    --time) time="$2" ;;
    --array) array="$2" ;;
    --out) out="$2" ;;
    --sbatch) extra+=("$2") ;;
    --*) refuse "'$1' is not understood; the program's own words come after --" ;;
    *)
      [[ -z "$config" ]] || refuse "'$1' is one configuration too many"
      config="$1"
      shift
      continue
      ;;
  esac
  shift 2
done
[[ -n "$config" ]] || refuse "which configuration? See --help"
# One of configs/ by its name, as the program takes it.
if [[ ! -e "$config" && "$config" != */* && -e "$ALLMODES_ROOT/configs/${config%.txtpb}.txtpb" ]]; then
  config="$ALLMODES_ROOT/configs/${config%.txtpb}.txtpb"
fi
for value in "$nodes" "${ranks:-1}" "${gpus:-1}" "$cpus" "${array:-1}"; do
  [[ "$value" =~ ^[1-9][0-9]*$ ]] || refuse "'$value' is no number from 1"
done
! value_of --out "$@" >/dev/null || refuse "--out belongs before the --"
find_binary
ranks="${ranks:-${gpus:-1}}"

# validate says all mistakes with their places, and whether so many ranks can share out the batch.
fields_of "$@"
"$ALLMODES_BINARY" validate "$config" ${fields[@]+"${fields[@]}"} --ranks $((nodes * ranks)) >&2

name="$(basename "$config" .txtpb)"
out="$(realpath -ms -- "${out:-runs/submitted/$name-$(date +%Y%m%d-%H%M%S)}")"
mkdir -p "$out"
words=("$(realpath -s -- "$config")" "$@")
log="%j"
runs="$(quoted --out "$out")"
if [[ -n "$array" ]]; then
  log="%A_%a"
  runs="$(quoted --out "$out")/seed-\$SLURM_ARRAY_TASK_ID --set seed=\$SLURM_ARRAY_TASK_ID"
fi
{
  echo "#!/usr/bin/env bash"
  echo "#SBATCH --job-name=allmodes-$name"
  echo "#SBATCH --nodes=$nodes"
  echo "#SBATCH --ntasks-per-node=$ranks"
  echo "#SBATCH --cpus-per-task=$cpus"
  if [[ -n "$gpus" ]]; then echo "#SBATCH --gpus-per-node=$gpus"; fi
  if [[ -n "$array" ]]; then echo "#SBATCH --array=1-$array"; fi
  echo "#SBATCH --time=$time"
  echo "#SBATCH --requeue"
  echo "#SBATCH --open-mode=append"
  echo "#SBATCH --signal=B:USR1@120"
  for word in ${extra[@]+"${extra[@]}"}; do echo "#SBATCH $word"; done
  echo
  echo "export ALLMODES_ROOT=$(quoted "$ALLMODES_ROOT") ALLMODES_BINARY=$(quoted "$(realpath -s "$ALLMODES_BINARY")")"
  echo "cd $(quoted "$PWD")"
  echo "exec bash \"\$ALLMODES_ROOT/launch/slurm/train.sbatch\" $(quoted "${words[@]}") $runs"
} >"$out/job.sbatch"
cat "$out/job.sbatch"
[[ "$show" == false ]] || exit 0
command -v sbatch >/dev/null || refuse "there is no sbatch here; the script is $out/job.sbatch" 69
sbatch --output="$out/$log.out" "$out/job.sbatch"

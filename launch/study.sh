#!/usr/bin/env bash
# Runs a named study, several configurations x seeds, and writes one table: text, JSON, picture.
#
#   launch/study.sh NAME [--short] [--ranks N] [--seeds N] [--jobs N] [--out DIR] [--only ROW]...
#   launch/study.sh --list
#
#   launch/study.sh ring --short                 # minutes on two cores
#   launch/study.sh grid --only gan --only pacgan2 --seeds 10
#
# What is finished is not repeated and what was interrupted continues, so the same line may be given
# again at any time; --help has every option. The studies are the files study/NAME.toml, and a path
# to such a file is a NAME too.
#
# The exit status: 0 every claim of the study holds, 1 one does not, 2 a run failed, 64 wrong
# command line or study file, 130 interrupted.

set -euo pipefail
# shellcheck source=launch/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

python3 -c 'import tomllib' 2>/dev/null ||
  { echo "study.sh: needs Python 3.11 or newer as python3" >&2; exit 69; }
needs_program=true
for argument in "$@"; do
  case "$argument" in -h | --help | --list) needs_program=false ;; esac
done
if (($# > 0)) && [[ "$needs_program" == true ]]; then find_binary; fi

export ALLMODES_ROOT ALLMODES_CORES="$cores"
PYTHONPATH="$ALLMODES_ROOT/launch" PYTHONDONTWRITEBYTECODE=1 exec python3 -m study "$@"

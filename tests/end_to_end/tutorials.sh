#!/usr/bin/env bash
# docs/tutorials.md as it is written: each line that begins with "$" is run, in order.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python="${ALLMODES_REFERENCE_PYTHON:-$(command -v python3)}"
PATH="$(dirname "$program"):$(dirname "$python"):$PATH"
python3 -c 'import numpy, PIL' 2>/dev/null || { echo "skipped: no NumPy or no Pillow"; exit 77; }
count=0
while IFS= read -r line; do
  echo "\$ $line"
  bash -c "set -euo pipefail; $line" >out 2>err </dev/null || fail "'$line' ended with $?: $(tail -5 err)"
  count=$((count + 1))
done < <(sed -n 's/^    \$ //p' "$source/docs/tutorials.md")
((count >= 15)) || fail "only $count commands were found in docs/tutorials.md"
[[ -s runs/00000-ring_gan/report.html && -s exported/model.py ]] || fail "a result is missing"

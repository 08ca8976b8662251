#!/usr/bin/env bash
# The wheel with the program: made, and tried in a fresh environment, on two ranks, and on a system that
# has neither Open MPI nor the small libraries; with the LibTorch that the program was built with.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

status=0
libtorch="$(sed -n 's/^LIBTORCH_ROOT:[A-Z]*=//p' "$(dirname "$program")/CMakeCache.txt")"
bash "$source/launch/wheel.sh" --build "$(dirname "$program")" --out dist --torch "$(dirname "$libtorch")" >out.txt 2>&1 || status=$?
if ((status == 69)) && grep -q "could not fetch" out.txt; then
  echo "skipped: $(tail -n 1 out.txt)"
  exit 77
fi
((status == 0)) || { cat out.txt; exit 1; }
grep -q "^wheel: tested in a fresh environment" out.txt
tail -n 1 out.txt

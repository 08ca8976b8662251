#!/usr/bin/env bash
# The wheel with the program: made, and tried in a fresh environment, on two ranks, and on a system that
# has neither Open MPI nor the small libraries; with the LibTorch that the program was built with.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
# shellcheck source=tests/end_to_end/wheel.bash
source "$source/tests/end_to_end/wheel.bash"

libtorch="$(sed -n 's/^LIBTORCH_ROOT:[A-Z]*=//p' "$(dirname "$program")/CMakeCache.txt")"
try_wheel --torch "$(dirname "$libtorch")"

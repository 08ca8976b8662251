#!/usr/bin/env bash
# The wheel with the program: made, and tried in a fresh environment, on two ranks, and on a system that
# has neither Open MPI nor the small libraries. Fetches torch==2.11.0 from PyPI.
# label: long
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"
# shellcheck source=tests/end_to_end/wheel.bash
source "$source/tests/end_to_end/wheel.bash"

try_wheel

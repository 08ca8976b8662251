#!/usr/bin/env bash
# label: long
# As features.sh, with FID and KID by the preprocessing of every tool.
export ALLMODES_EVERY_PROTOCOL=1
# shellcheck source=tests/end_to_end/features.sh
source "$(dirname "${BASH_SOURCE[0]}")/features.sh"

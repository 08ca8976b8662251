#!/usr/bin/env bash
# A program with a data set, a loss, a layer, a network and a diagnostic of others', whose sources lie outside of
# this tree: built on an installed prefix that was moved, and trained with.
# processors: 2
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

build="$(dirname "$program")"
[[ -f "$build/cmake_install.cmake" ]] || { echo "skipped: $build is no build folder"; exit 77; }
cmake --install "$build" --prefix "$work/made" --component development >install.log 2>&1 ||
  fail "$(tail -3 install.log)"
mv "$work/made" "$work/prefix"
# Only that part was asked for.
[[ ! -e "$work/prefix/bin" ]] || fail "more than development was installed"

cp -r "$source/examples/extension" "$work/theirs"
make_theirs() {
  cmake -S "$work/theirs" -B "$work/build" -G Ninja "-DCMAKE_PREFIX_PATH=$work/prefix" \
    -DCMAKE_BUILD_TYPE=Release >cmake.txt 2>&1 || { cat cmake.txt; fail "cmake"; }
  cmake --build "$work/build" -j 2 >build.txt 2>&1
}
make_theirs || { tail -n 40 build.txt; fail "the build"; }
theirs="$work/build/rings"

expect 0 "$theirs" train theirs/two_rings.txtpb --steps 40 --set diagnostics.evaluate_every=20 \
  --set diagnostics.samples=500 --out runs --quiet
python3 - <<'PYTHON'
import json
records = [json.loads(line) for line in open("runs/00000-two_rings/records.jsonl")]
last = [r for r in records if r["record"] == "evaluation"][-1]
assert last["modes_total"] == 16 and last["mean_radius"] > 0, last
PYTHON
# Its own rows and those of allmodes.
expect 0 "$theirs" explain mean_radius
says out 'mean distance of the samples from the origin'
expect 0 "$theirs" validate "$source/configs/ring_gan.txtpb"
expect 0 "$theirs" export runs/00000-two_rings --out exported
grep -q '"layer": *"sine"' exported/generator.json || fail "no layer of theirs in generator.json"
expect 78 "$theirs" validate theirs/two_rings.txtpb --set 'gan.generator.layers=[{ custom { layer: "cosine" } }]'
says err "there is no layer 'cosine': this program has these layers of others: sine"

# The program without them names what it does not know.
expect 78 "$program" validate theirs/two_rings.txtpb
says err "exponential"

# A row that is called as one of ours.
cat >"$work/theirs/objectives/again.cpp" <<'CPP'
#include "objectives/registry.h"
namespace allmodes::objectives {
extern const GanLoss kHinge{.name = "my_hinge"};
}
CPP
if make_theirs; then fail "a second kHinge was taken"; fi
says build.txt 'again.cpp: there is a row'
says build.txt 'kHinge of type GanLoss already'
echo "a program with others' rows was built and trains"

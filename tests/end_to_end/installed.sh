#!/usr/bin/env bash
# What `cmake --install` makes may be moved, and works from any folder for any user: a prefix that is
# moved after it was made, and used by another user (as root) whose home cannot be written.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

build="$(dirname "$program")"
[[ -f "$build/cmake_install.cmake" ]] || { echo "skipped: $build is no build folder"; exit 77; }
cmake --install "$build" --prefix "$work/made" >install.log 2>&1 || fail "$(tail -3 install.log)"
mv "$work/made" "$work/moved"
installed="$work/moved"
for file in bin/allmodes share/allmodes/configs/ring_gan.txtpb share/allmodes/launch/run.sh \
  share/man/man1/allmodes.1 share/bash-completion/completions/allmodes; do
  [[ -s "$installed/$file" ]] || fail "$file is not installed"
done

user=()
chmod 755 "$work"
mkdir -m 777 "$work/elsewhere"
cd "$work/elsewhere"
if [[ ! -e "$installed/lib/allmodes/libtorch.so" ]]; then
  # With CUDA the program names the LibTorch of its builder, whose home others need not see.
  grep -q '^ALLMODES_CUDA:[A-Z]*=ON' "$build/CMakeCache.txt" || fail "LibTorch is not installed"
elif ((EUID == 0)) && command -v setpriv >/dev/null; then
  user=(setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent)
fi
as_user() { "${user[@]}" env -u LD_LIBRARY_PATH -u ALLMODES_CACHE -u XDG_CACHE_HOME "$@"; }
as_user "$installed/bin/allmodes" validate ring_gan >out 2>err ||
  fail "validate by name: $(cat err)"
as_user "$installed/bin/allmodes" train ring_gan --steps 3 --quiet --out runs >out 2>err ||
  fail "train as another user: $(cat err)"
[[ -s runs/00000-ring_gan/records.jsonl ]] || fail "no records"
as_user "$installed/bin/allmodes" submit ring_gan --show --out job >out 2>err || fail "submit: $(cat err)"
says out "ALLMODES_ROOT=$installed/share/allmodes"

# Where Environment Modules are, `module load` finds the prefix where it now lies.
if command -v modulecmd >/dev/null; then
  as_user env MODULEPATH="$installed/share/modulefiles" modulecmd bash load allmodes >load 2>err ||
    fail "module load: $(cat err)"
  found="$(eval "$(cat load)" && command -v allmodes && echo "$ALLMODES_ROOT")"
  [[ "$found" == "$installed/bin/allmodes"$'\n'"$installed/share/allmodes" ]] ||
    fail "module load finds $found: $(cat load err)"
fi

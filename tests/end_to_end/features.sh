#!/usr/bin/env bash
# Features of published networks are those of the modules in which they are published, on the same weights;
# FID and KID are those of pytorch-fid, torch-fidelity and clean-fid; statistics are written as these tools
# read them; features of one's own stand beside pictures; weights that are not the network's are refused.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python="${ALLMODES_REFERENCE_PYTHON:-}"
if [[ -z "$python" ]] || ! "$python" -c "
import importlib.util, sys
wanted = 'numpy scipy safetensors torch torchvision tqdm PIL pytorch_fid torch_fidelity cleanfid'.split()
sys.exit(any(importlib.util.find_spec(name) is None for name in wanted))" 2>/dev/null; then
  echo "skipped: ALLMODES_REFERENCE_PYTHON names no Python with the packages that launch/test.sh fetches"
  exit 77
fi
efficientnet="${ALLMODES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/allmodes}/features/efficientnet_lite0.safetensors"
if [[ ! -f "$efficientnet" ]]; then
  echo "skipped: no $efficientnet, which launch/setup.sh --features fetches"
  exit 77
fi

expect 0 env PYTHONDONTWRITEBYTECODE=1 "$python" -W ignore "$source/tests/reference/make_features.py" \
  "$efficientnet" reference ${ALLMODES_EVERY_PROTOCOL:+--every-protocol}
cat "$work/out"
cp "$efficientnet" reference/efficientnet_lite0.safetensors
for kind in inception inception_plain; do
  expect 0 python3 "$source/launch/to_safetensors.py" "reference/$kind.pth" "reference/$kind.safetensors"
done
rank_tests="$(dirname "$program")/tests/rank_tests"
if [[ -x "$rank_tests" ]]; then
  ALLMODES_FEATURES_REFERENCE="$work/reference" expect 0 "$rank_tests" --gtest_filter='PretrainedAnswers.*'
  says out "PASSED.*5 tests"
fi

# figure NAME: of the diagnosis that was written last.
figure() { python3 -c "import json, sys; print(json.load(open('d/diagnosis.json'))[sys.argv[1]])" "$1"; }

# near FOUND WANTED SHARE
near() {
  python3 -c "import sys; a, b, s = map(float, sys.argv[1:]); sys.exit(not abs(a - b) <= s * abs(b))" "$@" ||
    fail "$1 instead of $2"
}

# diagnosed ARGUMENT...: the diagnosis in d/, its table in `table`.
diagnosed() {
  local status=0
  "$program" diagnose --out d "$@" >table 2>err || status=$?
  [[ "$status" =~ ^[023]$ ]] || { cat err; fail "diagnose ended with $status"; }
}
weights=(--feature-weights reference/inception.safetensors)
for protocol in $(python3 -c "import json; print(*json.load(open('reference/figures.json')))"); do
  diagnosed --real reference/real.npy --fake reference/fake.npy --features inception_64 "${weights[@]}" \
    --protocol "$protocol"
  says table "inception_64 \(64 numbers; protocol $protocol, weights [0-9a-f]{16}\)"
  python3 - "$protocol" <<'PYTHON' || fail "other figures than the tools'"
import json, sys
ours = json.load(open("d/diagnosis.json"))
worst = 0
for tool, figures in json.load(open("reference/figures.json"))[sys.argv[1]].items():
    for name, wanted in figures.items():
        found = ours[{"fid": "fd_inception_64", "kid": "kd_inception_64"}[name]]
        print(f"{sys.argv[1]:15} {name} {found:.9g}, {tool}: {wanted:.9g}")
        worst = max(worst, abs(found / wanted - 1))
sys.exit(worst > 1e-5)
PYTHON
done
! grep -q '"fid"\|"frechet_distance"' d/diagnosis.json || fail "64 features are called an FID"

# Statistics stand for the pictures; a dozen will do.
"$python" -c "
import numpy
for name in ('real', 'fake'): numpy.save(name + '12.npy', numpy.load(f'reference/{name}.npy')[:12])"
protocol=(--features inception_64 "${weights[@]}" --protocol clean_fid)
expect 0 "$program" diagnose --real real12.npy "${protocol[@]}" --save-statistics real.npz
says out "mu and sigma of 12 samples, features: inception_64"
diagnosed --real real12.npy --fake fake12.npy "${protocol[@]}"
before="$(figure fd_inception_64)"
diagnosed --real real.npz --fake fake12.npy "${protocol[@]}"
says table "No verdict"
near "$(figure fd_inception_64)" "$before" 1e-5
expect 0 "$python" -c "
import numpy
with numpy.load('real.npz') as f:
    assert f['mu'].shape == (64,) and f['sigma'].shape == (64, 64) and f['sigma'].dtype == 'float64'
    numpy.savez_compressed('theirs.npz', mu=f['mu'], sigma=f['sigma'])
    numpy.savez('wrong.npz', mu=f['mu'][:3], sigma=f['sigma'])"
diagnosed --real theirs.npz --fake fake12.npy "${protocol[@]}"
near "$(figure fd_inception_64)" "$before" 1e-5
expect 65 "$program" diagnose --real wrong.npz --fake fake12.npy "${protocol[@]}"
says err "mu of \[3\] and sigma of \[64, 64\]"
# StyleGAN's covariance is divided by N.
expect 0 on_ranks 2 diagnose --real real12.npy --features inception_64 "${weights[@]}" \
  --protocol stylegan --save-statistics stylegan.npz
expect 0 "$program" diagnose --real real12.npy --features inception_64 "${weights[@]}" \
  --protocol torch_fidelity --save-statistics fidelity.npz
expect 0 "$python" -c "
import numpy
a, b = (numpy.load(name + '.npz')['sigma'] for name in ('stylegan', 'fidelity'))
assert numpy.allclose(a * 12, b * 11, rtol=1e-6, atol=1e-9), abs(a * 12 - b * 11).max()"

# The whole network: FID, KID and the Inception Score have their names.
status=0
"$program" diagnose --real real12.npy --fake fake12.npy --features inception "${weights[@]}" --out d >table ||
  status=$?
[[ "$status" =~ ^[023]$ ]] || fail "diagnose ended with $status"
for name in fid kid inception_score; do figure "$name"; done

# Features of one's own, beside pictures in files.
"$python" -c "
import numpy
rng = numpy.random.default_rng(2)
for name in ('real', 'fake'): numpy.save(name + '_rows.npy', rng.normal(size=(70, 5)).astype('float32'))"
own=(--real-features real_rows.npy --fake-features fake_rows.npy)
diagnosed --real reference/real.npy --fake reference/fake.npy "${own[@]}"
says table "features: own \(5 numbers\)"
[[ -f d/nearest.png ]] || fail "no pictures beside one's own features"
beside="$(figure frechet_distance)"
status=0
"$program" diagnose --real real_rows.npy --fake fake_rows.npy --features pixels --out d >/dev/null 2>&1 || status=$?
near "$beside" "$(figure frechet_distance)" 1e-6
expect 65 "$program" diagnose --real real12.npy --fake fake12.npy "${own[@]}"
says err "real_rows.npy is an array of \[70, 5\]; a row of features for each of the 12 samples"

# What is refused.
expect 64 "$program" diagnose --real reference/real.npy --fake reference/fake.npy --features inception
says err "launch/to_safetensors.py"
expect 65 "$program" diagnose --real real12.npy --fake fake12.npy --features inception \
  --feature-weights reference/dinov2_plain.safetensors
says err "dinov2_plain.safetensors: not the weights of the Inception of 2015-12-05: 'Conv2d_1a_3x3.conv.weight' is missing"
expect 64 "$program" diagnose --real real12.npy --fake fake12.npy --features inception "${weights[@]}" \
  --protocol dgm_eval
says err "no protocol 'dgm_eval' for inception"

# Colour pictures of 48 pixels are compared in EfficientNet-Lite0 where it is there.
mkdir -p cache/features
cp "$efficientnet" cache/features/
"$python" -c "
import numpy
for name in ('real', 'fake'): numpy.save(name + '48.npy', numpy.load(name + '12.npy').repeat(2, 1).repeat(2, 2)[:, :48, :48])"
status=0
ALLMODES_CACHE="$work/cache" "$program" diagnose --real real48.npy --fake fake48.npy --out d >table || status=$?
says table "features: efficientnet_lite0 \(1280 numbers; protocol default"
figure fd_efficientnet_lite0
status=0
ALLMODES_CACHE="$work" "$program" diagnose --real real48.npy --fake fake48.npy --out d >table || status=$?
says table "features: random_conv"

# A first stage trains with a distance in EfficientNet-Lite0, and its reconstructions of held-out pictures are
# compared in it with these pictures; weights that were never fetched are named with the command.
python3 "$source/tests/end_to_end/make_data.py" data
small=("$source/configs/first_stage_kl.txtpb" --quiet --steps 2 --set data.dataset=mnist
  --set data.path=data/mnist --set first_stage.encoder.width=4 --set first_stage.decoder.width=4
  --set batch=4 --set diagnostics.samples=16 --set diagnostics.classifier=false
  --set diagnostics.log_every=1 --set images.every=0 --set first_stage.perceptual=efficientnet_lite0
  --set diagnostics.sample_metrics=efficientnet_lite0)
ALLMODES_CACHE="$work/cache" expect 0 on_ranks 2 train "${small[@]}" --out runs
records=runs/00000-first_stage_kl/records.jsonl
says "$records" '"perceptual_distance":[0-9.e-]+'
says "$records" '"fd_efficientnet_lite0":[0-9.e-]+'
says "$records" '"sample_features":"efficientnet_lite0 .1280 numbers; protocol default'
ALLMODES_CACHE="$work/empty" expect 66 "$program" train "${small[@]}" --set diagnostics.sample_metrics=off --out other
says err "launch/setup.sh --features"
ALLMODES_CACHE="$work/empty" expect 78 "$program" train "${small[@]}" --dry-run
says err "diagnostics.sample_metrics: .*launch/setup.sh --features"

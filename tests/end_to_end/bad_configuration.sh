#!/usr/bin/env bash
# A bad configuration is refused before any work, with all its mistakes, each at its place.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

cat >bad.txtpb <<'CONFIG'
name: "bad"
stepz: 100
batch: -64
data { dataset: "rng" }
gan {
  generator { architecture: "mlpp" }
  discriminator { norm: "sync_batch" }
  penalty { kind: "r1" }
}
CONFIG
check() {
  says err '^bad\.txtpb:2:1: .*stepz.*steps'
  says err '^bad\.txtpb:3:[0-9]+: .*batch'
  says err '^bad\.txtpb:4:[0-9]+: .*rng.*did you mean .ring'
  says err '^bad\.txtpb:6:[0-9]+: .*mlpp.*did you mean .mlp'
  says err '^bad\.txtpb:7:[0-9]+: .*(batch norm|sync_batch)'
  [[ "$(grep -c '^bad\.txtpb:[0-9]' err)" == 5 ]] || { cat err; fail "not five messages"; }
}
expect 78 "$program" validate bad.txtpb
check
[[ ! -s out ]] || fail "messages went to stdout"
expect 78 "$program" train bad.txtpb --out runs
check
expect 78 on_ranks 2 train bad.txtpb --out runs
check
[[ ! -e runs ]] || fail "a run folder was made for a refused configuration"

# refused PATTERN: reads a configuration that must be refused with such a message.
refused() {
  cat >one.txtpb
  expect 78 "$program" validate one.txtpb
  says err "^one\.txtpb:[0-9]+:[0-9]+: .*$1"
}
refused 'learning_rate' <<<'vae { optimizer { learning_rate: nan } }'
refused 'microbatches' <<<'batch: 10 microbatches: 3 vae {}'
refused 'radius' <<<'data { dataset: "grid" modes: 25 radius: 3 } vae { likelihood: "gaussian" }'
refused 'steps' <<<'steps: "many" vae {}'
refused 'linear|flat' <<<'data { dataset: "ring" } vae { likelihood: "gaussian"
  encoder { layers { reshape { shape: [2, 1, 1] } } layers { linear { units: 128 } } } }'
refused '' <<<"$(printf 'gan { generator { '; printf 'layers { residual { %.0s' {1..200})"
refused '' < <(head -c 100000 /dev/urandom)

# A batch that the ranks cannot share out evenly is known only at the start.
write_ring_gan good.txtpb
expect 0 "$program" validate good.txtpb "$source"/configs/ring_gan.txtpb
expect 78 on_ranks 2 train good.txtpb --set batch=63 --out runs
says err '^--set batch: .*63.*2 ranks'
[[ "$(grep -c '2 ranks' err)" == 1 ]] || { cat err; fail "two ranks said the same"; }
expect 78 "$program" train good.txtpb --set bach=64 --out runs
says err 'bach.*batch'
echo "bad configurations are refused"

#!/usr/bin/env bash
# docs/configuration.md is what the descriptions of the fields say, and `explain` knows every field.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

expect 0 "$program" explain --all
diff -u "$source/docs/configuration.md" out ||
  fail "docs/configuration.md is out of date: allmodes explain --all > docs/configuration.md"

expect 0 "$program" explain gan.penalty[3].weight
says out '^gan\.penalty\[\]\.weight$'
says out 'number: greater than 0; default 1'
expect 0 "$program" explain loss
says out 'hinge'
says out 'gan\.loss, aae\.loss, wae_gan\.loss'
expect 64 "$program" explain batchs
says err "did you mean 'batch'"
expect 64 "$program" explain
expect 64 "$program" explain batch --all

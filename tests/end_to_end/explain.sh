#!/usr/bin/env bash
# What `explain` says of kinds and exit codes is what the documents say, and every kind of verdict
# that the diagnostics can find is described.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

for page in "$source"/docs/verdicts/*.md; do
  kind="$(basename "$page" .md)"
  expect 0 "$program" explain "$kind"
  diff -u "$page" out || fail "docs/verdicts/$kind.md: allmodes explain $kind > docs/verdicts/$kind.md"
done

# The kinds as the sources of the verdict have them: a name beside a state, or set as one.
python3 - "$source" <<'PYTHON' || fail "a kind has no page"
import pathlib, re, sys
source = pathlib.Path(sys.argv[1])
found = set()
for path in (source / "trainer/diagnostics/verdict").glob("*.cpp"):
    text = path.read_text()
    found |= set(re.findall(r'State::(?:at_risk|collapsed),\s*"([a-z_]+)"', text))
    found |= set(re.findall(r'kind = "([a-z_]+)"', text))
found.discard("none")
assert len(found) >= 10, found
missing = [kind for kind in found if not (source / f"docs/verdicts/{kind}.md").is_file()]
sys.exit(f"without a page: {missing}" if missing else 0)
PYTHON

# Exit codes: each row of docs/commands.md.
rows=0
while IFS='|' read -r _ code meaning _; do
  code="${code// /}"
  [[ "$code" =~ ^[0-9]+$ ]] || continue
  expect 0 "$program" explain "$code"
  [[ "$(tr '\n' ' ' <out)" == "exit code $code:${meaning% } " ]] ||
    fail "exit code $code: docs/commands.md and explain differ: $(cat out)"
  rows=$((rows + 1))
done < <(sed -n '/^## Exit codes/,$p' "$source/docs/commands.md")
((rows >= 14)) || fail "$rows exit codes in docs/commands.md"
expect 64 "$program" explain 99
expect 64 "$program" explain mode_droping
says err "did you mean 'mode_dropping'"

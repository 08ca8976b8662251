#!/usr/bin/env bash
# Completion and the manual page come from the command line's own description: every command and
# every option is in them, and the shells take them.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

for form in bash zsh fish man; do
  "$program" completion "$form" >"$form.out" || fail "completion $form"
done
bash -n bash.out || fail "bash does not take its completion"
if command -v zsh >/dev/null; then zsh -n zsh.out || fail "zsh does not take its completion"; fi
if command -v fish >/dev/null; then fish -n fish.out || fail "fish does not take its completion"; fi
if command -v man >/dev/null; then
  LC_ALL=C.UTF-8 man --warnings -l man.out >man.txt 2>man.err || fail "man does not take the page"
  [[ ! -s man.err ]] || fail "the manual page has faults: $(head -3 man.err)"
fi
for word in train diagnose sample watch; do
  grep -q -- "$word" bash.out || fail "bash does not know $word"
  "$program" "$word" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u >options
  while read -r option; do
    [[ "$option" == --help ]] && continue
    for form in bash zsh; do
      grep -q -- "$option" "$form.out" || fail "$form does not know $word $option"
    done
    grep -q -- "-l ${option#--}" fish.out || fail "fish does not know $word $option"
    grep -q -- "${option//-/\\\\-}" man.out || fail "the manual page does not know $word $option"
  done < <(grep -- '--' options)
done

# As bash itself completes.
completed() {
  bash -c 'source bash.out; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _allmodes
    printf "%s\n" "${COMPREPLY[@]}"' completed "$@"
}
[[ "$(completed allmodes tra)" == train ]] || fail "tra is completed to $(completed allmodes tra)"
completed allmodes train --on-c | grep -qx -- --on-collapse || fail "--on-c is not completed"
touch a_configuration.txtpb
completed allmodes train a_conf | grep -qx a_configuration.txtpb || fail "files are not completed"
expect 64 "$program" completion tcsh

#!/usr/bin/env bash
# Files of torch.save are refused with the way out, and launch/to_safetensors.py is that way: both
# kinds of file are read, strided tensors are made dense, and a pickle's code is not run.
# processors: 1
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

python3 "$source/tests/end_to_end/make_torch_files.py" .
for file in zip.pt plain.pth; do
  expect 65 "$program" data check "$file"
  says err "torch.load"
  expect 0 python3 "$source/launch/to_safetensors.py" "$file" out.safetensors
  says out "deep.label  I64  \[3\]"
  expect 0 "$program" data check out.safetensors:turned
  says out "3 points in 2 dimensions"
  says out "0 to 5, mean 2.5"
done
expect 65 python3 "$source/launch/to_safetensors.py" code.pth out.safetensors
says err "system"
[[ ! -e code-was-run ]] || fail "the pickle's code was run"

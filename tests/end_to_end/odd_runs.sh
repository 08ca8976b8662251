#!/usr/bin/env bash
# Runs that are not as they were left: behind links, with records that are cut short or no file, with
# something else in a checkpoint's place, copied out of their folder, or stopped as a whole for a while. Each goes on
# or is refused with what is wrong, and nothing is written where no run is.
# shellcheck source=tests/end_to_end/common.bash
source "$(dirname "${BASH_SOURCE[0]}")/common.bash"

write_ring_gan ring.txtpb
expect 0 "$program" train ring.txtpb --quiet --out base
step=checkpoints/step-00000060
# a_copy NAME: of that run, as NAME/00000-ring.
a_copy() { cp -a base "$1"; }
goes_on() { expect 0 "$program" train ring.txtpb --quiet --steps 64 "$@"; }

mkdir linked elsewhere
a_copy elsewhere/runs
ln -s ../elsewhere/runs/00000-ring linked/00000-ring
goes_on --out linked --resume auto
[[ -L linked/00000-ring && -e elsewhere/runs/00000-ring/checkpoints/step-00000064 ]] ||
  fail "a run behind a link did not go on in its place"

a_copy named
ln -s "named/00000-ring/$step" newest
goes_on --resume newest
[[ -e named/00000-ring/checkpoints/step-00000064 && ! -e lock && ! -e records.jsonl ]] ||
  fail "a checkpoint named by a link did not go on in its run"

mkdir -p backup/kept
cp -a "base/00000-ring/$step" backup/kept/
expect 66 "$program" train ring.txtpb --quiet --resume backup/kept/step-00000060
says err "lies in no run's folder .*--from instead of --resume"
[[ "$(ls -A backup)" == kept && "$(ls -A backup/kept)" == step-00000060 ]] || fail "written beside a copy"
expect 0 "$program" train ring.txtpb --quiet --steps 4 --out from --from backup/kept/step-00000060

a_copy cut
head -n 10 base/00000-ring/records.jsonl >cut/00000-ring/records.jsonl
goes_on --out cut --resume auto
says err 'records.jsonl ends at step [0-9]*, before the checkpoint.s step 60: the file was cut short'
a_copy whole
goes_on --out whole --resume auto
! grep -q 'records.jsonl ends' err || { cat err; fail "whole records are said to be cut short"; }

a_copy folder
rm folder/00000-ring/records.jsonl
mkdir folder/00000-ring/records.jsonl
expect 74 "$program" train ring.txtpb --quiet --steps 64 --out folder --resume auto
says err "records.jsonl' failed at byte 0: Is a directory"

a_copy taken
echo nothing >taken/00000-ring/checkpoints/step-00000064
mkdir taken/00000-ring/checkpoints/step-99999999999999999999
goes_on --out taken --resume auto
[[ -e taken/00000-ring/checkpoints/step-00000064/manifest.pb ]] || fail "no checkpoint in a file's place"
same_state 64 named/00000-ring taken/00000-ring

# All ranks stopped for longer than a missing one is waited for, as when a machine sleeps.
start_job 2 train ring.txtpb --quiet --out runs --steps 1000000 --set watchdog.limit_s=2 \
  --set diagnostics.evaluate_every=1000000 --set diagnostics.log_every=100
kill -STOP "${ranks[@]}"
sleep 6
kill -CONT "${ranks[@]}"
sleep 3
kill -0 "$job" || { cat err; fail "a job that was stopped as a whole did not go on"; }
kill -USR1 "${ranks[0]}"
end_of_job
((status == 75)) || { cat err; fail "exit status $status instead of 75"; }
echo "each goes on, or is refused with what is wrong"

"""Runs what is missing of a study, several runs at a time, each through launch/run.sh.

A run that fails is reported and the others go on. Ctrl-C and SIGTERM ask the runs in progress to
save a checkpoint and end; the next call continues them. A second Ctrl-C ends them at once.
"""

import os
import signal
import subprocess
import sys
import time

from . import runs as runs_

STOPPED = 75  # the program's exit code after a checkpoint on request
POLL_S = 0.2
SPEAK_EVERY_S = 30.0


class Pool:
    """Keeps `jobs` runs going until all are done or somebody interrupts."""

    def __init__(self, todo, ranks, jobs, version, root, on_done):
        self.waiting = list(todo)
        self.ranks, self.jobs, self.version, self.root = ranks, jobs, version, root
        self.on_done = on_done
        self.running = {}  # Run -> (Popen, when started)
        self.began_at = {}  # Run -> bytes of output.txt before this attempt
        self.failed = {}  # Run -> what happened
        self.interrupts = 0
        self.spoke = time.monotonic()

    def work(self):
        """Returns whether everything ran; failures are in `failed`."""
        kept = {s: signal.signal(s, self._interrupt) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            while self.running or (self.waiting and not self.interrupts):
                while self.waiting and len(self.running) < self.jobs and not self.interrupts:
                    self._start(self.waiting.pop(0))
                time.sleep(POLL_S)
                for run in [r for r, (process, _) in self.running.items()
                            if process.poll() is not None]:
                    self._finish(run)
                self._speak()
        finally:
            for process, _ in self.running.values():
                process.terminate()
            for s, handler in kept.items():
                signal.signal(s, handler)
        return not self.interrupts

    def _start(self, run):
        run.folder.mkdir(parents=True, exist_ok=True)
        command = runs_.command_line(run, self.ranks, str(self.root / "launch" / "run.sh"))
        command += ["--out", str(run.folder.resolve()), "--resume", "auto"]
        environment = dict(os.environ, NO_COLOR="1")
        environment.setdefault("OMP_NUM_THREADS", "1")
        if self.jobs > 1:
            # Each mpirun would bind its ranks to the first cores of the machine.
            extra = environment.get("ALLMODES_MPIRUN", "")
            environment["ALLMODES_MPIRUN"] = f"{extra} --bind-to none".strip()
        with open(run.folder / "output.txt", "ab") as output:
            self.began_at[run] = output.tell()
            # A session of its own: Ctrl-C reaches the run through this program alone.
            process = subprocess.Popen(command, cwd=self.root, env=environment,
                                       stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        self.running[run] = (process, time.monotonic())

    def _finish(self, run):
        process, started = self.running.pop(run)
        if process.returncode == 0 and runs_.is_finished(run):
            self.on_done(run, runs_.write_done(run, self.ranks, self.version))
        elif process.returncode != STOPPED and not self.interrupts:
            self.failed[run] = self._failure(run, process.returncode, self.began_at[run])
            say(f"FAILED  {run.label}: {self.failed[run]}; output: {run.folder / 'output.txt'}")
        elif not self.interrupts:
            self.failed[run] = "stopped by somebody else; the next call continues it"
            say(f"STOPPED {run.label} after {time.monotonic() - started:.0f} s")

    @staticmethod
    def _failure(run, status, began_at):
        """What the program said last in this attempt, whose output begins at that byte."""
        if status == 0:
            return f"it ended at step {runs_.last_step(run)} of {run.row.steps} without a verdict"
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        said = (run.folder / "output.txt").read_bytes()[began_at:].decode(errors="replace")
        # What mpirun adds stands between dashes.
        lines = [line.strip() for line in said.split("\n-----")[0].splitlines() if line.strip()]
        return f"{how}: {lines[-1]}" if lines else how

    def _interrupt(self, number, _frame):
        self.interrupts += 1
        # USR1 asks for a checkpoint; mpirun would answer TERM by killing its ranks.
        for process, _ in self.running.values():
            process.send_signal(signal.SIGUSR1 if self.interrupts == 1 else signal.SIGTERM)
        if self.interrupts == 1 and self.running:
            os.write(2, f"\n{signal.Signals(number).name}: {len(self.running)} runs save and end; "
                        "once more to end them at once\n".encode())

    def _speak(self):
        now = time.monotonic()
        if now - self.spoke < SPEAK_EVERY_S or not self.running:
            return
        self.spoke = now
        parts = [f"{run.label} {100 * runs_.last_step(run) // run.row.steps} %"
                 for run in self.running]
        say(f"running {', '.join(parts)}; {len(self.waiting)} wait")


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

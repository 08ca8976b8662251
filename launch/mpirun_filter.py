"""Passes mpirun's stderr on, without the paragraphs that say what the program has said already.

mpirun frames its own paragraphs by lines of dashes. A paragraph that is understood is left out; every other one, and everything that the ranks print, passes as it comes, a
progress line without its end too.
"""

import os
import re
import signal
import sys

RULE = re.compile(rb"-{20,}\n?$")
# What the exit status, which run.sh turns into a sentence, says as well.
KNOWN = (
    b"Primary job  terminated normally, but",
    b"mpirun detected that one or more processes exited with non-zero status",
    b"MPI_ABORT was invoked on rank",
    b"a job cannot continue past",
)
KNOWN_LINES = re.compile(
    rb"(mpirun: (Forwarding signal \d+ to job|abort is already in progress)"
    rb"|\[[^\]]+:\d+\] (\d+ more processes? ha(s|ve) sent help message|Set MCA parameter "
    rb'"orte_base_help_aggregate")|mpirun: killing job\.\.\.$)'
)
# Nobody but mpirun can say which rank a signal ended: of that paragraph one line is left.
KILLED = re.compile(
    rb"process rank (\d+) with PID \d+ on node (\S+) exited\s+on signal (\d+) \(([^)]*)\)", re.DOTALL
)
# A line without its end waits for it only where it may become one of the above.
BEGINNINGS = (b"-" * 20, b"mpirun: ", b"[")


def may_be_mpirun(text):
    return any(text.startswith(start) or start.startswith(text) for start in BEGINNINGS)


class Filter:
    def __init__(self, write):
        self.write, self.paragraph, self.line = write, None, b""
        self.passing = False  # the line's beginning has been written

    def feed(self, data):
        for piece in data.splitlines(keepends=True):
            # A carriage return alone begins a progress line anew.
            self.line += piece
            if self.line.endswith(b"\n"):
                self.end_line()
        if self.line and self.paragraph is None and (self.passing or not may_be_mpirun(self.line)):
            self.write(self.line)
            self.passing, self.line = True, b""

    def end_line(self):
        line, self.line = self.line, b""
        passing, self.passing = self.passing, False
        if passing:
            self.write(line)
        elif RULE.match(line):
            self.end_paragraph(line) if self.paragraph is not None else self.begin_paragraph(line)
        elif self.paragraph is not None:
            self.paragraph.append(line)
            # No paragraph of mpirun is that long: this was a rule that a program printed.
            if len(self.paragraph) > 60:
                self.flush()
        elif not KNOWN_LINES.match(line):
            self.write(line)

    def begin_paragraph(self, line):
        self.paragraph = [line]

    def end_paragraph(self, line):
        text = b" ".join(self.paragraph)
        killed = KILLED.search(text)
        if killed:
            self.write(b"run.sh: rank %s on %s was ended by signal %s (%s)\n" % killed.groups())
        elif not any(known in text for known in KNOWN):
            self.write(b"".join(self.paragraph) + line)
        self.paragraph = None

    def flush(self):
        if self.paragraph is not None:
            self.write(b"".join(self.paragraph))
            self.paragraph = None
        self.write(self.line)
        self.line = b""


def main():
    for name in ("SIGINT", "SIGHUP", "SIGTERM", "SIGUSR1"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    broken = False

    def write(data):
        # Whoever reads may have gone; mpirun must not be held up by that.
        nonlocal broken
        while data and not broken:
            try:
                data = data[os.write(2, data):]
            except OSError:
                broken = True

    chosen = Filter(write)
    while data := os.read(0, 65536):
        chosen.feed(data)
    chosen.flush()


if __name__ == "__main__":
    sys.exit(main())

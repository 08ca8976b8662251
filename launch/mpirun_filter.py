"""Passes mpirun's stderr on, without the paragraphs that say what the program has said already.

    mpirun_filter.py NAME [PIPE] <STDERR

A line of its own begins with NAME, the script's that runs it. What comes on PIPE, mpirun's stdout, goes to this
program's own stdout: whole lines, between whole lines of stderr. It is for a terminal, where one piece would
otherwise begin within a line of the other. Ends with 69 where mpirun said that MPI could not start, else with 0.

mpirun frames its own paragraphs by lines of dashes. A paragraph that is understood is left out; every other
one, and everything that the ranks print, passes as it comes, a progress line without its end too. An error
that several ranks report in the same words passes once. It ends with its input. What mpirun left running may
hold that open for ever: an ALRM says to pass on what is there and end.
"""

import os
import re
import select
import signal
import sys
import time

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
    rb"|\[[^\]]+:\d+\] (\d+ more process(es)? ha(s|ve) sent help message|Set MCA parameter "
    rb'"orte_base_help_aggregate")|mpirun: killing job\.\.\.$)'
)
# Said by the library before the program has a word in it.
NO_MPI = b"*** An error occurred in MPI_Init"
# Nobody but mpirun can say which rank a signal ended: of that paragraph one line is left.
KILLED = re.compile(
    rb"process rank (\d+) with PID \d+ on node (\S+) exited\s+on signal (\d+) \(([^)]*)\)", re.DOTALL
)
# "allmodes: error [rank 1 of 4 on host]: message", without the rank; and what follows a wrong command line.
ERROR = re.compile(rb"allmodes: error(?: \[rank \d+ of \d+ on [^\]]*\])?: (.*)", re.DOTALL)
HINT = b"Run with --help for more information.\n"
# A line without its end waits for it only where it may become one of the above.
BEGINNINGS = (b"-" * 20, b"mpirun: ", b"[", b"allmodes: error", HINT)
# A line of stdout waits for lines of stderr that were written before it: until stderr is silent for so
# many seconds, not within a line, and so many at most.
SILENCE_S, ORDER_S = 0.1, 1.0


def may_be_mpirun(text):
    return any(text.startswith(start) or start.startswith(text) for start in BEGINNINGS)


class Filter:
    def __init__(self, write, name):
        self.write, self.name, self.paragraph, self.line = write, name, None, b""
        self.passing = False  # the line's beginning has been written
        self.no_mpi = False
        self.errors = set()

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
        self.no_mpi = self.no_mpi or NO_MPI in line
        if passing:
            self.write(line)
        elif RULE.match(line):
            self.end_paragraph(line) if self.paragraph is not None else self.begin_paragraph(line)
        elif self.paragraph is not None:
            self.paragraph.append(line)
            # No paragraph of mpirun is that long: this was a rule that a program printed.
            if len(self.paragraph) > 60:
                self.flush()
        elif not KNOWN_LINES.match(line) and not self.is_repeated(line):
            self.write(line)

    def is_repeated(self, line):
        error = ERROR.match(line)
        said = error.group(1) if error else line if line == HINT else None
        if said in self.errors:
            return True
        if said is not None:
            self.errors.add(said)
        return False

    def begin_paragraph(self, line):
        self.paragraph = [line]

    def end_paragraph(self, line):
        text = b" ".join(self.paragraph)
        killed = KILLED.search(text)
        if killed:
            self.write(b"%s: rank %s on %s was ended by signal %s (%s)\n" % (self.name, *killed.groups()))
        elif not any(known in text for known in KNOWN):
            self.write(b"".join(self.paragraph) + line)
        self.paragraph = None

    def flush(self):
        if self.paragraph is not None:
            self.write(b"".join(self.paragraph))
            self.paragraph = None
        self.write(self.line)
        self.line = b""


class Output:
    """A descriptor that may be closed at its other end: mpirun must not be held up by that."""

    def __init__(self, descriptor):
        self.descriptor, self.broken = descriptor, False

    def __call__(self, data):
        while data and not self.broken:
            try:
                data = data[os.write(self.descriptor, data):]
            except OSError:
                self.broken = True


class AskedToEnd(Exception):
    pass


def asked_to_end(*_):
    raise AskedToEnd


def pass_on(chosen, result, stderr, stdout):
    """Until both streams have ended. Returns what of stdout is left: a line without its end."""
    printed = b""
    open_ones = [one for one in (stderr, stdout) if one is not None]
    since = None  # when the first line that waits came
    while open_ones:
        waiting = since is not None and stderr in open_ones
        asked, limit = ([stderr], SILENCE_S) if waiting else (open_ones, None)
        ready, _, _ = select.select(asked, [], [], limit)
        for one in ready:
            data = os.read(one, 65536)
            if not data:
                open_ones.remove(one)
            elif one == stderr:
                chosen.feed(data)
            else:
                printed += data
        if b"\n" in printed:
            since = since or time.monotonic()
            silent = not ready and not chosen.passing
            if silent or stderr not in open_ones or time.monotonic() > since + ORDER_S:
                end = printed.rindex(b"\n") + 1
                result(printed[:end])
                printed, since = printed[end:], None
    return printed


def main():
    for name in ("SIGINT", "SIGHUP", "SIGTERM", "SIGUSR1"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    chosen, result = Filter(Output(2), os.fsencode(sys.argv[1])), Output(1)
    signal.signal(signal.SIGALRM, asked_to_end)
    try:
        stdout = os.open(sys.argv[2], os.O_RDONLY) if len(sys.argv) > 2 else None
        result(pass_on(chosen, result, 0, stdout))
    except AskedToEnd:
        pass
    chosen.flush()
    return 69 if chosen.no_mpi else 0


if __name__ == "__main__":
    sys.exit(main())

"""Finding and running the program."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Sequence


class ProgramError(RuntimeError):
    """The program ended with an exit code that is no verdict; `code` and `message` are its own."""

    def __init__(self, command: Sequence[str], code: int, message: str):
        super().__init__(f"{' '.join(command)}: exit code {code}\n{message.strip()}")
        self.code = code
        self.message = message


# The program that a wheel of launch/wheel.sh brings.
BUNDLED = pathlib.Path(__file__).parent / "program" / "allmodes"


def main() -> None:
    """The command `allmodes` of a wheel: becomes the program, so that signals and exit codes are its."""
    if not BUNDLED.is_file():
        sys.exit("allmodes: this package was installed without its program; see launch/wheel.sh")
    os.execv(BUNDLED, [str(BUNDLED), *sys.argv[1:]])


def find_program() -> str:
    """The path of the program; FileNotFoundError where there is none."""
    named = os.environ.get("ALLMODES_BINARY")
    if named:
        return named
    if BUNDLED.is_file():
        return str(BUNDLED)
    found = shutil.which("allmodes")
    if found is None:
        raise FileNotFoundError(
            "there is no program 'allmodes' on the PATH; set ALLMODES_BINARY to the one that was built"
        )
    return found


def run_program(
    arguments: Sequence[str], good: Sequence[int] = (0,)
) -> subprocess.CompletedProcess[str]:
    """Runs it as one process; ProgramError for an exit code that is not among `good`.

    Variables of a job that this process may itself be a rank of are taken away, so that the program
    does not take itself for one of the job's ranks.
    """
    job = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "SLURM_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(job)}
    if os.name == "posix" and os.geteuid() == 0:
        environment["OMPI_ALLOW_RUN_AS_ROOT"] = environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    command = [find_program(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode not in good:
        raise ProgramError(command, done.returncode, done.stderr)
    return done

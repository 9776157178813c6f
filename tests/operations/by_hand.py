"""What a person types: commands out of the runbook, in the environment of an installation."""

import os
import subprocess
import sys
from pathlib import Path

from embedded.postgres import find_programs
from tests.fix_installation import Installation

PROGRAMS = (str(Path(sys.executable).parent), str(find_programs()))  # numberline; psql, pg_dump and pg_restore


def by_hand(made: Installation, commands: str, status: int = 0) -> str:
    """Run commands as bash takes them; what they print.  Fails where they end with another status."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=os.environ | dict(made.environment) | {"PATH": os.pathsep.join((*PROGRAMS, os.environ["PATH"]))},
        cwd=made.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, f"{commands}\n{done.stdout}{done.stderr}"
    return done.stdout

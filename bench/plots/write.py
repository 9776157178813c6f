"""Has the plots drawn."""

import subprocess
from pathlib import Path

from bench.apart import ROOT, interpreter
from bench.errors import BenchError

DRAW_SECONDS = 300


def write_plots(results: Path, directory: Path) -> tuple[str, ...]:
    """Draw what results.json has; names of the plots, each now NAME.svg in the directory.  Raises BenchError."""
    python = interpreter("plots")
    command = [str(python), "-m", "bench.plots.draw", str(results.resolve()), str(directory.resolve())]
    environment = {"MPLCONFIGDIR": str(python.parent.parent / "matplotlib"), "PATH": ""}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=DRAW_SECONDS, check=False
    )
    if done.returncode:
        raise BenchError(f"the plots could not be drawn:\n{done.stderr.strip()}")
    return tuple(done.stdout.split())

"""Makes the starts of the broker quick: has its jars here, and what it loads at a start in one file.

    python -m embedded

Needed once an environment, and by nothing: without it each start takes longer. About ten seconds and 60 MB.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from embedded.archive import OLDEST, archive_file
from embedded.errors import EmbeddedError
from embedded.jars import fetch_jars, read_lock
from embedded.java import java_command, java_version
from embedded.kafka import Kafka

MAKE_WITHIN_SEC = 120.0


class Recorded(Kafka):
    """A broker whose Java writes down, when it ends, what it loaded."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self.record = Path(state_dir).resolve() / "record"

    def _command(self) -> list[str]:
        program, *arguments = super()._command()
        return [program, "-XX:AOTMode=record", f"-XX:AOTConfiguration={self.record}", *arguments]


def main() -> int:
    """Have jars and archive here; the exit status."""
    try:
        java, jars = java_command(), fetch_jars(read_lock(), _told)
        archive = archive_file(java, jars)
        if archive.exists():
            return 0
        if (version := java_version(java[0])) < OLDEST:
            print(f"Java {version} starts the broker as it is: {OLDEST} and later can keep what a start loads")
            return 0
        print("recording a start of the broker, for those to come ...", flush=True)
        make(archive, java, jars)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, subprocess.SubprocessError) as error:
        print(f"it cannot be kept ({error}): the broker will take longer to start, and works", file=sys.stderr)
    return 0


def make(archive: Path, java: Sequence[str], jars: Sequence[Path]) -> None:
    """Record a start and make the archive of it; those of other jars or options go.  Raises EmbeddedError."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=archive.parent) as directory:
        made, broker = Path(directory) / archive.name, Recorded(Path(directory))
        with broker:
            pass
        options = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={broker.record}", f"-XX:AOTCache={made}"]
        command = [*java, *options, "-cp", os.pathsep.join(map(str, jars))]
        subprocess.run(command, check=True, capture_output=True, timeout=MAKE_WITHIN_SEC)
        for other in archive.parent.glob("kafka-*.aot"):
            other.unlink(missing_ok=True)
        made.replace(archive)


def _told(done: int, total: int) -> None:
    if done == 0:
        print(f"downloading the broker, {total / 1e6:.0f} MB ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""What a broker loads and links at each start, kept ready in one file: Java's AOT cache (JEP 483).

It is made once an environment (`python -m embedded`), and used where it is there. Java itself holds it against its
own version and against the jars, and starts without it where something differs.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

OLDEST = 24  # the first Java that knows of such files
DIRECTORY = Path(sys.prefix) / "share" / "numberline"


def archive_file(java: Sequence[str], jars: Sequence[Path]) -> Path:
    """Where the archive is of a program and its options, `java`, with these jars; it need not exist."""
    made_of = [*java]
    for file in (Path(java[0]), *jars):
        about = file.stat()
        made_of.append(f"{file}\0{about.st_size}\0{about.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()
    return DIRECTORY / f"kafka-{digest[:16]}.aot"


def archive_options(java: Sequence[str], jars: Sequence[Path]) -> list[str]:
    """What makes Java use the archive, where there is one."""
    archive = archive_file(java, jars)
    return [f"-XX:AOTCache={archive}"] if archive.exists() else []

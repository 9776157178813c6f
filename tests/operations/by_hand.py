"""What a person types: commands out of the runbook, in the environment of an installation."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from embedded.jars import fetch_jars, read_lock
from embedded.java import java_command
from embedded.postgres import find_programs
from tests.fix_installation import Installation

PROGRAMS = (str(Path(sys.executable).parent), str(find_programs()))  # numberline; psql, pg_dump and pg_restore

TOOLS_LOCK = Path(__file__).with_name("kafka-tools.lock")  # what Kafka's programs need beside the broker's own jars


def bring_kafka_programs(directory: Path) -> None:
    """Put kafka-consumer-groups.sh into a directory: Kafka's own, started as its script does."""
    jars = fetch_jars([*read_lock(), *read_lock(TOOLS_LOCK)])
    java = [*java_command(), "-cp", os.pathsep.join(map(str, jars))]
    command = shlex.join([*java, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"])
    script = directory / "kafka-consumer-groups.sh"
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o700)


def by_hand(made: Installation, commands: str, status: int = 0) -> str:
    """Run commands as bash takes them; what they print.  Fails where they end with another status.

    Programs are found in the installation's directory, too.
    """
    path = os.pathsep.join((str(made.directory), *PROGRAMS, os.environ["PATH"]))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=os.environ | dict(made.environment) | {"PATH": path},
        cwd=made.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, f"{commands}\n{done.stdout}{done.stderr}"
    return done.stdout

"""What both servers have in common: one run a directory, and no server without the process that wanted it."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import DirectoryInUseError, Kafka, Postgres
from embedded.postgres import find_programs
from tests.embedded.processes import running, wait_until

# prints the ids of both servers and waits to be killed
PARENT = """
import sys, time
from embedded import Kafka, Postgres
with Kafka(sys.argv[1]) as kafka, Postgres(sys.argv[1]) as postgres:
    print(kafka.pid, postgres.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def state_dir() -> Iterator[Path]:
    """A directory for the module: its tests start one after the other on the same data, as a user does."""
    with tempfile.TemporaryDirectory(prefix="numberline-test-") as name:
        yield Path(name)


@pytest.mark.parametrize("server", [Kafka, Postgres])
def test_a_second_run_on_a_directory_is_refused(
    server: type[Kafka] | type[Postgres], kafka_server: Kafka, postgres_server: Postgres
) -> None:
    """The error says which directory, which process, and what to do; the first run is not disturbed."""
    first = kafka_server if server is Kafka else postgres_server
    second = server(first.home.parent)
    with pytest.raises(DirectoryInUseError) as error:
        second.start()
    assert str(error.value) == (
        f"{first.home} is in use by process {os.getpid()}: stop that one, or give this run another state directory"
    )
    second.stop()
    assert first.alive()
    first.start()


def test_both_servers_stop_gracefully_when_their_parent_is_killed(state_dir: Path) -> None:
    """kill -9 of the parent leaves no server, no guard, and data that needs no recovery."""
    with subprocess.Popen([sys.executable, "-c", PARENT, state_dir], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        servers = list(map(int, parent.stdout.readline().split()))
        guards = [int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in servers]
        assert parent.pid not in guards
        parent.kill()
    assert wait_until(lambda: not any(map(running, servers + guards)))
    assert (state_dir / "kafka/data/.kafka_cleanshutdown").exists()
    control = subprocess.run(
        [find_programs() / "pg_controldata", state_dir / "postgres/data"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Database cluster state:               shut down\n" in control.stdout


def test_a_server_stops_when_its_guard_is_killed(state_dir: Path) -> None:
    """The guard itself can go: the kernel then tells the server to stop."""
    with Postgres(state_dir) as postgres:
        guard = int(Path(f"/proc/{postgres.pid}/stat").read_text().rpartition(")")[2].split()[1])
        pid = postgres.pid
        os.kill(guard, signal.SIGKILL)
        assert wait_until(lambda: not running(pid))
        assert not postgres.alive()
        postgres.start()
        assert postgres.alive()


def test_a_run_waits_for_the_server_of_a_killed_one(state_dir: Path) -> None:
    """Whoever starts again at once after kill -9 is not told that the directory is in use."""
    start = "from embedded import Postgres; Postgres(sys.argv[1]).start()"
    script = f"import os, sys; {start}; os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script, state_dir], check=False)
    with Postgres(state_dir) as postgres:
        assert postgres.alive()


def test_a_stopped_server_can_be_started_again(state_dir: Path) -> None:
    """Stop and start are no more than that, and repeating either does nothing."""
    postgres = Postgres(state_dir)
    postgres.stop()
    for _ in range(2):
        postgres.start()
        postgres.start()
        assert postgres.alive()
        postgres.stop()
        postgres.stop()
        assert not postgres.alive()

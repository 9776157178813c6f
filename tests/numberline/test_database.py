"""What PostgreSQL answers to commands, as a sentence."""

import psycopg
import pytest
from click.testing import CliRunner

from embedded import Postgres
from numberline.cli import cli, processes
from numberline.database import database
from numberline.errors import NotReachable
from numberline.setup import database as tables
from numberline.setup.init import init
from numberline.setup.newest import newest_migration
from pipeline.errors import RefusedToStart, SettingsInvalid
from pipeline.settings import Settings


@pytest.fixture(scope="module")
def url(postgres_server: Postgres) -> str:
    """A database with all tables."""
    made = postgres_server.create_database("commands")
    tables.upgrade(made)
    return made


def test_a_session_that_is_lost_meanwhile_is_a_server_that_is_away(url: str) -> None:
    """As at a restart of PostgreSQL in the middle of an export."""
    with pytest.raises(NotReachable, match="NUMBERLINE_DATABASE_URL"), database(Settings(database_url=url)) as one:
        one.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_role_that_may_not_is_named(url: str, postgres_server: Postgres) -> None:
    """With what it may not do, by `init` as well."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
    settings = Settings(database_url=url.replace("postgres@", "reader@"))
    refused = "PostgreSQL does not let reader do this: permission denied for "
    with pytest.raises(RefusedToStart, match=refused + "table quotas"), database(settings) as one:
        one.execute("SELECT * FROM quotas")
    with pytest.raises(RefusedToStart, match=refused + "table alembic_version"):
        init(settings, print)
    empty = postgres_server.create_database("commands_empty").replace("postgres@", "reader@")
    with pytest.raises(RefusedToStart, match=refused + "schema public"):  # what Alembic raises is told as well
        init(Settings(database_url=empty), print)


def test_tables_of_a_newer_numberline_are_left_alone(url: str) -> None:
    """An `init` of an older one says whose they are, with a status that is not tried again."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        try:
            with pytest.raises(RefusedToStart, match="migration 9999, and this one knows " + newest_migration()):
                init(Settings(database_url=url), print)
        finally:
            connection.execute("UPDATE alembic_version SET version_num = %s", (newest_migration(),))


@pytest.mark.parametrize("command", ["tasks", "worker", "gateway", "init"])
@pytest.mark.parametrize("wrong", ["numbers.example.com", "postgresql://ada:hunter 2@db/numberline"])
def test_an_address_that_libpq_cannot_read_names_its_variable(
    command: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shows none of it: libpq quotes the password."""
    monkeypatch.setattr("gc.disable", lambda: None)  # what a process does to itself would stay for all later tests
    monkeypatch.setattr(processes, "set_up_logs", lambda *_: None)
    monkeypatch.setenv("NUMBERLINE_DATABASE_URL", wrong)
    error = CliRunner().invoke(cli, [command]).exception
    assert isinstance(error, SettingsInvalid)
    assert str(error).startswith("NUMBERLINE_DATABASE_URL must be the PostgreSQL database, postgresql://")
    assert wrong not in str(error)
    assert "hunter" not in str(error)

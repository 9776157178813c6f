"""PostgreSQL as commands use it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg

from agents.preflight import RUN_INIT
from numberline.database_url import database_url
from numberline.errors import NotReachable
from pipeline.errors import RefusedToStart
from pipeline.settings import Settings, variable

Connection = psycopg.Connection[Any]


def not_reachable(error: Exception) -> NotReachable:
    """What libpq, or whoever stands on it, says in several lines, as one sentence with what to do."""
    remedy = f"`numberline up` starts one; {variable('database_url')} names it."
    return NotReachable("PostgreSQL", " ".join(str(error).split()), remedy)


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[Connection]:
    """A connection.  Raises SettingsInvalid, NotReachable, also where it is lost meanwhile, and RefusedToStart
    where a table that is used is not there, or its role may not do what is asked for."""
    url = database_url(settings)
    try:
        connection = psycopg.connect(url, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise not_reachable(error) from None
    user = connection.info.user
    try:
        with connection:
            yield connection
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        what = f"the tables are missing, or those of an earlier numberline: {str(error).splitlines()[0]}"
        raise RefusedToStart(what, RUN_INIT) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise RefusedToStart(
            f"PostgreSQL does not let {user} do this: {str(error).splitlines()[0]}",
            f"Grant it that, or name another role in {variable('database_url')}.",
        ) from None
    except psycopg.OperationalError as error:
        raise not_reachable(error) from None


def partitions_of(connection: Connection) -> int:
    """The installation's one partition count.  Raises RefusedToStart before `numberline init`."""
    try:
        row = connection.execute("SELECT partitions FROM installation").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is None:
        raise RefusedToStart("the tables are missing", RUN_INIT)
    return int(row[0])


def installed_partitions(settings: Settings) -> int:
    """The same of an installation.  Raises NotReachable, RefusedToStart."""
    with database(settings) as connection:
        return partitions_of(connection)

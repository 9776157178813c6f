"""Creates and upgrades the tables, by Alembic; remembers the installation's partition count."""

from typing import Any

import psycopg
from alembic import command
from alembic.config import Config

from numberline.setup.newest import MIGRATIONS, newest_migration
from pipeline.errors import RefusedToStart


def refuse_newer(connection: psycopg.Connection[Any]) -> None:
    """Raise RefusedToStart where a newer numberline has made the tables: this one lacks their migrations."""
    with connection.transaction():
        if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
            return
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is not None and row[0] > newest_migration():
        raise RefusedToStart(
            f"the tables are those of a newer numberline: migration {row[0]}, and this one knows "
            f"{newest_migration()}",
            "Nothing was changed. Run that numberline's `init`; an older worker or gateway needs none.",
        )


def upgrade(database_url: str) -> None:
    """Bring the schema to its newest version; one process at a time, by an advisory lock."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")


def remember_partitions(database_url: str, partitions: int) -> int:
    """The installation's partition count: the one given when it was made, whatever is given now."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO installation (partitions) VALUES (%s) ON CONFLICT (only_row) DO NOTHING", (partitions,)
        )
        row = connection.execute("SELECT partitions FROM installation").fetchone()
    assert row is not None
    return int(row[0])

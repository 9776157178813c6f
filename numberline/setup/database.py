"""Creates and upgrades the tables, by Alembic; remembers the installation's partition count."""

import psycopg
from alembic import command
from alembic.config import Config

from numberline.setup.newest import MIGRATIONS


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

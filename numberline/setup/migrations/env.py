"""Alembic's entry: one connection by psycopg, one transaction for all that is to be done."""

import psycopg
from alembic import context
from sqlalchemy import create_engine, pool, text
from sqlalchemy.exc import DBAPIError

UPGRADE_LOCK = 0x6E756D6265726C  # any fixed number: two `numberline init` at once take turns


def run() -> None:
    """Upgrade the database that the configuration names."""
    url = context.config.attributes["database_url"]
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            context.configure(connection=connection, transactional_ddl=True)
            with context.begin_transaction():
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
                context.run_migrations()
    except DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig from error  # psycopg's own, by which commands tell what is wrong


run()

"""The Avro schemas of every release that has run `numberline init` here, in PostgreSQL.

A process that meets an event of a newer release reads it by the schema that it was written in: so workers and
gateways are replaced one by one (docs/delivery.md, "Upgrades").
"""

import json
from typing import Any

import psycopg

from pipeline.errors import NeedsPerson, Unavailable
from schemas import codec

CONNECT_SECONDS = 5
INSERT = """
INSERT INTO event_schemas (fingerprint, name, schema) VALUES (%s, %s, %s) ON CONFLICT (fingerprint) DO NOTHING
"""
SELECT = "SELECT name, schema FROM event_schemas WHERE fingerprint = %s"


class NewerRelease(NeedsPerson):
    """An event that only a newer release knows what to do about."""


def register(database_url: str) -> None:
    """Make the schemas of this release known to the others."""
    rows = [
        (codec.schema_fingerprint(schema), name, json.dumps(schema))
        for name, versions in codec.schema_files().items()
        for schema in versions
    ]
    with psycopg.connect(database_url) as connection:
        connection.cursor().executemany(INSERT, rows)


def registered(database_url: str) -> codec.LookUp:
    """For `codec.look_up_by`. It blocks for an answer of PostgreSQL, which happens once for each new schema.

    It raises Unavailable where there is none, and NewerRelease for a kind of event that this release has not.
    """

    def look_up(fingerprint: bytes) -> tuple[str, dict[str, Any]] | None:
        try:
            with psycopg.connect(database_url, connect_timeout=CONNECT_SECONDS) as connection:
                found = connection.execute(SELECT, (fingerprint,)).fetchone()
        except psycopg.OperationalError as error:
            raise Unavailable(f"answer of PostgreSQL about a newer schema ({error})", CONNECT_SECONDS) from None
        if found is None:
            return None
        if found[0] not in codec.schema_files():
            raise NewerRelease(
                f"an event {found[0]} came, which a newer numberline has written and this one does not know",
                "Start that numberline instead of this one. Nothing is lost: the event waits for it.",
            )
        return str(found[0]), dict(found[1])

    return look_up

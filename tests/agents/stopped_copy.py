"""Stores a batch as a worker does, and stays inside the COPY, uncommitted: `DATABASE_URL` `EVENT` (hex)."""

import sys
import time

import psycopg

from agents.store import COPY_NUMBERS, INSERT_MARKER, columns, copy_rows
from schemas import codec, events


def main(database_url: str, event: str) -> None:
    """Insert the marker, copy the rows, say so, and never commit."""
    batch = codec.decode(bytes.fromhex(event))
    assert isinstance(batch, events.NumbersEnriched)
    numbers, prefix_ids = columns(batch)
    with psycopg.connect(database_url) as connection:
        marker = (batch.task_id, batch.batch, batch.user_id, batch.project_id, int(batch.area_code))
        row = connection.execute(INSERT_MARKER, (*marker, batch.count, batch.prefix_version, None, "{}")).fetchone()
        assert row is not None
        with connection.cursor().copy(COPY_NUMBERS) as copy:
            copy.write(copy_rows(numbers, row[0], prefix_ids))
            print("in the COPY", flush=True)  # noqa: T201
            time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])

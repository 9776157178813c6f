"""A script of Faker's `unique` and one COPY: `python -m bench.peers.faker_copy`. Exact in an empty table."""

import os
import random
from datetime import UTC, datetime

import psycopg
from faker import Faker

from bench.peers.serve import serve

BLOCKS = """
SELECT area_code, exchange, thousands, carrier, state, country, timezone, line_type
FROM peers.blocks WHERE area_code = ANY(%s)
"""
TASK = """
INSERT INTO peers.task (user_id, area_codes, quantity, delivered, status, created_at)
VALUES ('bench', %s, %s, %s, 'completed', now()) RETURNING id
"""
COPY = """
COPY peers.phone_number (
    number, area_code, exchange, carrier, state, country, timezone, line_type, task_id, user_id, created_at
) FROM STDIN
"""


def main() -> None:
    """Serve."""
    faker = Faker("en_US")
    with psycopg.connect(os.environ["PEER_DATABASE_URL"]) as connection:

        def generate(quantity: int, area_codes: list[str]) -> int:
            faker.unique.clear()
            blocks = connection.execute(BLOCKS, (area_codes,)).fetchall()
            row = connection.execute(TASK, (area_codes, quantity, quantity)).fetchone()
            assert row is not None
            task_id, now = row[0], datetime.now(UTC)
            with connection.cursor().copy(COPY) as copy:
                for _ in range(quantity):
                    area_code, exchange, thousands, *holder = random.choice(blocks)
                    number = faker.unique.numerify(f"+1{area_code}{exchange}{thousands}###")
                    copy.write_row((number, area_code, exchange, *holder, task_id, "bench", now))
            connection.commit()
            return quantity

        serve(generate)


if __name__ == "__main__":
    main()

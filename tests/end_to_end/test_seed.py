"""A seed: byte for byte the same numbers, whatever the number of workers and whatever was killed."""

import hashlib
import json
import signal
from contextlib import AbstractContextManager
from pathlib import Path

from embedded import Kafka, Postgres
from pipeline.prefix_build import PrefixRow
from schemas.identity import task_id
from tests.fix_installation import Installation, make_small_installation
from tests.processes import wait_until

QUANTITY = 150_000
# each area code has 700,000 numbers, so that what a batch gets depends on the batches before it
ROWS = [
    PrefixRow(area_code, nxx, 0b1111111111, "US", "NJ", "America/New_York", "VERIZON NEW JERSEY", "landline")
    for area_code in ("201", "202", "203")
    for nxx in range(200, 270)
]
BODY = {
    "type": "generate",
    "request_id": "seeded",
    "user_id": "sid",
    "quantity": QUANTITY,
    "batch_size": 1000,
    "seed": -42,
}
# of the rows of BODY, in the order of batches and numbers: what this version draws is what every later one draws
GOLDEN = "6b8a88dfaed53cd73a99746e2d28a097fbd0c0b0bbad2e4259c8e7360c8499c2"


def rows_of(installation: Installation) -> int:
    """How many are stored."""
    ((count,),) = installation.rows("SELECT count(*) FROM numbers")
    return int(count)


def digest(installation: Installation) -> str:
    """Of batch, number, carrier and all that is stored with a number, in order."""
    wait_until(
        lambda: (
            installation.rows("SELECT status FROM tasks WHERE task_id = %s", task_id("sid", "seeded"))
            == [("completed",)]
        ),
        240,
        "completed task",
    )
    rows = installation.rows(
        "SELECT b.batch_no, p.number, p.exchange, p.carrier, p.state, p.line_type FROM phone_numbers p "
        "JOIN numbers n ON n.number = p.number_value JOIN batches b ON b.batch_id = n.batch_id ORDER BY 1, 2"
    )
    assert len(rows) == QUANTITY
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def test_the_same_seed_gives_the_same_numbers_byte_for_byte(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path
) -> None:
    """One worker; two of which one is killed in the middle; one that is killed and replaced without its state."""

    def installation_of(name: str) -> AbstractContextManager[Installation]:
        (tmp_path / name).mkdir()
        return make_small_installation(kafka_server, postgres_server, tmp_path / name, ROWS)

    with installation_of("one") as one:
        one.produce(json.dumps(BODY).encode())
        with one.worker("alone"):
            found = digest(one)
    assert found == GOLDEN
    with installation_of("two") as two, two.worker("first"), two.worker("second") as second:
        two.produce(json.dumps(BODY).encode())
        wait_until(lambda: rows_of(two) >= 1_000, 120, "first rows")
        second.stop(signal.SIGKILL)
        assert rows_of(two) < QUANTITY
        assert digest(two) == found
    with installation_of("three") as three:
        three.produce(json.dumps(BODY).encode())
        with three.worker("doomed") as doomed:
            wait_until(lambda: rows_of(three) >= 1_000, 120, "first rows")
            doomed.stop(signal.SIGKILL)
        assert rows_of(three) < QUANTITY
        with three.worker("successor"):
            assert digest(three) == found

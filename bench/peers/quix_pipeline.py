"""The same topology on Quix Streams: `python -m bench.peers.quix_pipeline`.

requests -> batches, keyed by area code -> allocate (RocksDB state: numbers given out) -> enrich -> PostgreSQL.
Exactly once: Kafka by transactions, PostgreSQL by a marker a batch, and a batch drawn again is the same.
"""

import json
import os
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from pyroaring import BitMap
from quixstreams import Application, State
from quixstreams.models import TopicConfig
from quixstreams.sinks import BatchingSink, SinkBatch

from bench.peers.serve import serve

DATABASE_URL = os.environ["PEER_DATABASE_URL"]
BATCH = 10_000
PARTITIONS = 8
COMMIT_SECONDS = 0.1  # the default of 5 s would be the least time of any task
POLL_SECONDS = 0.01
DONE_SECONDS = 1800

ROW = np.dtype(
    [
        *(("fields", ">i2"), ("length", ">i4"), ("number", ">i8")),
        *(("length_2", ">i4"), ("batch_id", ">i4"), ("length_3", ">i4"), ("prefix_id", ">i4")),
    ]
)
COPY = "COPY peers.numbers (number, batch_id, prefix_id) FROM STDIN (FORMAT BINARY)"
COPY_HEADER, COPY_TRAILER = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
MARKER = """
INSERT INTO peers.batches (task_id, batch_no, user_id, area_code, count, prefix_version)
VALUES (%s, %s, 'bench', %s, %s, 1) ON CONFLICT (task_id, batch_no) DO NOTHING RETURNING batch_id
"""
BLOCKS = """
SELECT (exchange || thousands || '000')::int, prefix_id FROM peers.blocks WHERE area_code = %s ORDER BY 1
"""
TASKS = "CREATE TABLE IF NOT EXISTS peers.quix_tasks (task_id uuid PRIMARY KEY, stored integer NOT NULL DEFAULT 0)"

Request = dict[str, Any]
Integers = npt.NDArray[np.int64]


@cache
def blocks_of(area_code: str) -> tuple[Integers, Integers]:
    """First numbers within the area code, ascending, and rows of the prefix data of its thousands blocks."""
    with psycopg.connect(DATABASE_URL) as connection:
        rows = connection.execute(BLOCKS, (area_code,)).fetchall()
    return tuple(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))  # type: ignore[return-value]


def plan(request: Request) -> Iterator[Request]:
    """Batches of a request, over its area codes in turn."""
    codes, left, number = request["area_codes"], request["quantity"], 0
    shares = [left // len(codes) + (at < left % len(codes)) for at in range(len(codes))]
    while any(shares):
        for at, code in enumerate(codes):
            if count := min(BATCH, shares[at]):
                shares[at] -= count
                yield {"task_id": request["task_id"], "number": number, "area_code": code, "count": count}
                number += 1


def allocate(batch: Request, state: State) -> Request:
    """Draw numbers that were never given out: the same ones whenever the batch comes again."""
    firsts, _ = blocks_of(batch["area_code"])
    taken = BitMap.deserialize(held) if (held := state.get_bytes("taken")) else BitMap()
    random = np.random.default_rng(zlib.crc32(f"{batch['task_id']}/{batch['number']}".encode()))
    drawn = BitMap()
    while missing := batch["count"] - len(drawn):
        picks = random.choice(firsts, missing) + random.integers(1000, size=missing)
        drawn |= BitMap(picks.astype(np.uint32)) - taken
    state.set_bytes("taken", bytes((taken | drawn).serialize()))
    return batch | {"numbers": np.array(drawn, dtype=np.int64)}


def enrich(batch: Request) -> Request:
    """Add each number's row of the prefix data."""
    firsts, prefix_ids = blocks_of(batch["area_code"])
    return batch | {"prefix_ids": prefix_ids[np.searchsorted(firsts, batch["numbers"], side="right") - 1]}


class PostgresSink(BatchingSink):
    """Stores what a checkpoint holds of a partition, in one transaction."""

    def setup(self) -> None:
        """Connect."""
        self._connection = psycopg.connect(DATABASE_URL, autocommit=True)

    def write(self, batch: SinkBatch) -> None:
        """Markers, rows, and the count of their tasks."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for one in (item.value for item in batch):
                cursor.execute(MARKER, (one["task_id"], one["number"], one["area_code"], one["count"]))
                if marked := cursor.fetchone():
                    with cursor.copy(COPY) as copy:
                        copy.write(copy_rows(one, marked[0]))
                    cursor.execute(
                        "UPDATE peers.quix_tasks SET stored = stored + %s WHERE task_id = %s",
                        (one["count"], one["task_id"]),
                    )


def copy_rows(batch: Request, batch_id: int) -> bytes:
    """A batch as binary COPY data."""
    rows = np.zeros(batch["count"], ROW)
    rows["fields"], rows["length"], rows["length_2"], rows["length_3"] = 3, 8, 4, 4
    rows["number"] = int(f"1{batch['area_code']}0000000") + batch["numbers"]
    rows["batch_id"], rows["prefix_id"] = batch_id, batch["prefix_ids"]
    return COPY_HEADER + rows.tobytes() + COPY_TRAILER


def main() -> None:
    """Run the pipeline, and ask it until standard input ends."""
    run = uuid.uuid4().hex
    app = Application(
        broker_address=os.environ["PEER_KAFKA"],
        consumer_group=f"quix-{run}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_SECONDS,
        consumer_poll_timeout=POLL_SECONDS,
        state_dir=os.environ["PEER_STATE_DIR"],
        loglevel="WARNING",
    )
    layout = TopicConfig(num_partitions=PARTITIONS, replication_factor=1)
    requests = app.topic(f"quix-{run}-requests", config=layout)
    batches = app.topic(f"quix-{run}-batches", config=layout)

    planned = app.dataframe(requests).apply(plan, expand=True)
    planned.to_topic(batches, key=lambda batch: batch["area_code"])
    allocated = app.dataframe(batches).apply(allocate, stateful=True)
    allocated.apply(enrich).sink(PostgresSink())

    def client() -> None:
        try:
            ask()
        finally:
            app.stop()  # where it fails as well: the suite waits for an answer or for the end

    def ask() -> None:
        with psycopg.connect(DATABASE_URL, autocommit=True) as connection, app.get_producer() as producer:
            connection.execute(TASKS)

            def generate(quantity: int, area_codes: list[str]) -> int:
                task_id = str(uuid.uuid4())
                connection.execute("INSERT INTO peers.quix_tasks (task_id) VALUES (%s)", (task_id,))
                request = {"task_id": task_id, "quantity": quantity, "area_codes": area_codes}
                producer.produce(requests.name, json.dumps(request).encode(), task_id.encode())
                producer.flush()
                deadline, stored = time.monotonic() + DONE_SECONDS, 0
                while stored < quantity and time.monotonic() < deadline:
                    time.sleep(POLL_SECONDS)
                    row = connection.execute("SELECT stored FROM peers.quix_tasks WHERE task_id = %s", (task_id,))
                    stored = (row.fetchone() or (0,))[0]
                return int(stored)

            serve(generate)

    threading.Thread(target=client, daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()

"""Rows as the store writes them into an empty PostgreSQL: what a million costs as they grow, by its settings.

Random numbers of each area code, sorted within a batch as a bitmap gives them, two connections, a marker a batch.
"""

import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from agents.store import COPY_NUMBERS, INSERT_MARKER, copy_rows
from bench import procfs
from bench.errors import BenchError
from bench.scale.facts import FACT_NUMBERS
from bench.scale.generated import ENDS, MILLION
from bench.stats import median
from embedded import Postgres
from numberline.setup.database import upgrade
from pipeline import numbering

CONNECTIONS = 2
NAME = "rows"
WRITTEN = "SELECT wal_bytes, wal_fpi FROM pg_stat_wal"

Batch = tuple[int, str, numbering.Integers]  # its number, area code, numbers within it


@dataclass
class Rows:
    """Each million in turn: seconds, and of all PostgreSQL's processes those of processors. WAL of all together."""

    variant: str
    seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)
    wal_megabytes: float = 0.0
    wal_full_pages: int = 0

    def lines(self) -> list[str]:
        """For a person."""
        rate = len(self.seconds) * MILLION / sum(self.seconds)
        return [
            f"{self.variant or 'as embedded'}: {len(self.seconds)} millions, {rate:,.0f} rows a second",
            f"  a million: {_ends(self.seconds)}; processors {_ends(self.processor_seconds)}",
            f"  WAL {self.wal_megabytes / len(self.seconds):,.0f} MB a million, {self.wal_full_pages:,} full pages",
        ]


def _ends(values: Sequence[float]) -> str:
    first, last = median(values[:ENDS]), median(values[-ENDS:])
    return f"{first:.2f} s at first, {last:.2f} s at last, {last / first:.2f} x"


def write(settings: Mapping[str, str], numbers: int, area_codes: int, say: Callable[[str], None]) -> Rows:
    """So many rows over so many area codes, with these settings beside the embedded server's own."""
    one = Rows(" ".join(f"{name}={value}" for name, value in settings.items()))
    codes = [str(code) for code in range(201, 201 + area_codes)]
    drawn = [_drawn(code, numbers // area_codes) for code in codes]
    with (
        tempfile.TemporaryDirectory(prefix="numberline-scale-") as state,
        Postgres(Path(state), settings=settings) as postgres,
    ):
        url = postgres.create_database(NAME)
        upgrade(url)
        with psycopg.connect(url, autocommit=True) as connection:
            before = connection.execute(WRITTEN).fetchone()
            for million in range(numbers // MILLION):
                if million % 10 == 0:
                    say(f"{one.variant or 'as embedded'}: {million} of {numbers // MILLION} millions")
                started, processors = time.perf_counter(), procfs.tree_cpu_seconds(postgres.pid)
                _store(url, list(_batches(million, codes, drawn)))
                one.seconds.append(time.perf_counter() - started)
                one.processor_seconds.append(procfs.tree_cpu_seconds(postgres.pid) - processors)
            after = connection.execute(WRITTEN).fetchone()
            stored = connection.execute("SELECT count(*) FROM numbers").fetchone()
        assert before is not None
        assert after is not None
        assert stored is not None
        if stored[0] != numbers:
            raise BenchError(f"{stored[0]:,} rows of {numbers:,}")
        one.wal_megabytes = float(after[0] - before[0]) / procfs.MEGABYTE
        one.wal_full_pages = int(after[1] - before[1])
    return one


def _drawn(code: str, count: int) -> numbering.Integers:
    """Random numbers of an area code, in the order in which they are given out."""
    return np.random.default_rng(int(code)).choice(numbering.NUMBERS, count, replace=False).astype(np.uint32)


def _batches(million: int, codes: Sequence[str], drawn: Sequence[numbering.Integers]) -> Iterator[Batch]:
    """Those of a million, the area codes in turn."""
    each = MILLION // FACT_NUMBERS // len(codes)
    for turn in range(each):
        for place, code in enumerate(codes):
            first = (million * each + turn) * FACT_NUMBERS
            yield turn * len(codes) + place, code, np.sort(drawn[place][first : first + FACT_NUMBERS])


def _store(url: str, batches: Sequence[Batch]) -> None:
    """All of them, by several connections at once."""
    task, failed = uuid.uuid4(), list[BaseException]()

    def run(own: Sequence[Batch]) -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                for batch, code, numbers in own:
                    _store_one(connection, task, batch, code, numbers)
        except psycopg.Error as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(batches[i::CONNECTIONS],)) for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise BenchError(f"PostgreSQL: {failed[0]}")


def _store_one(
    connection: psycopg.Connection[Any], task: uuid.UUID, batch: int, code: str, numbers: numbering.Integers
) -> None:
    row = (task, batch, "bench-scale", None, int(code), len(numbers), 1, None, "{}")
    rows = numbering.e164(code, numbers), np.ones(len(numbers), np.int32)
    with connection.transaction(), connection.cursor() as cursor:
        marked = cursor.execute(INSERT_MARKER, row).fetchone()
        assert marked is not None
        with cursor.copy(COPY_NUMBERS) as copy:
            copy.write(copy_rows(rows[0], marked[0], rows[1]))

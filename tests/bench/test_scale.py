"""The facts of the large ledger are such as allocate leaves."""

from collections import Counter

import numpy as np
from pyroaring import BitMap

from bench.scale.facts import FACT_NUMBERS, STRIDE, facts_of
from bench.scale.generated import Generated
from bench.scale.rows import Rows
from bench.scale.written import Round
from pipeline.ledger import by_area_code


async def test_facts_share_no_number_and_add_up() -> None:
    """Each area code has its part of all numbers, in facts of one size, up to the last that fits."""
    facts = [one async for one in facts_of(3 * 7 * FACT_NUMBERS, ["212", "415", "907"])]
    assert len({key for _, key, _ in facts}) == 21
    assert Counter(code for code, _, _ in facts) == {"212": 7, "415": 7, "907": 7}
    assert {code: len(own) for code, own in by_area_code({key: value for _, key, value in facts}).items()} == {
        "212": 7,
        "415": 7,
        "907": 7,
    }
    held = [BitMap.deserialize(value) for code, _, value in facts if code == "415"]
    assert {len(one) for one in held} == {FACT_NUMBERS}
    assert len(BitMap.union(*held)) == 7 * FACT_NUMBERS
    assert STRIDE * FACT_NUMBERS == 8_000_000


async def test_parts_of_the_facts_are_all_of_them() -> None:
    """Each once, in whatever rounds they are written."""
    whole = [one async for one in facts_of(3 * 7 * FACT_NUMBERS, ["212", "415", "907"])]
    parts = [
        one for part in range(3) async for one in facts_of(3 * 7 * FACT_NUMBERS, ["212", "415", "907"], part, 3)
    ]
    assert sorted(parts) == sorted(whole)


async def test_facts_have_the_size_of_random_ones() -> None:
    """Within a tenth: a bitmap's size follows from how many numbers share a container."""
    [(_, _, fact)] = [one async for one in facts_of(FACT_NUMBERS, ["212"])]
    random = BitMap(np.random.default_rng(1).choice(8_000_000, FACT_NUMBERS, replace=False)).serialize()
    assert abs(len(fact) - len(random)) < len(random) / 10


def test_what_was_measured_is_told() -> None:
    """Sizes, and small tasks with and without compaction beside them."""
    found = Round(1_000, 2.5, 120.0, 30.0, 150.0, 40.0, 35.0, 210.0, [10.0, 20.0], [30.0, 40.0])
    assert found.lines() == [
        "1,000 facts more, read by the worker in 2.5 s",
        "  put together in 30 s, worker's peak 210 MB",
        "  changelog 120 MB before, 150 MB then, 40 MB when the broker has compacted it; it stands for 35 MB",
        "  100 numbers: p50 10 ms, p95 20 ms (2 tasks); while it compacts p50 30 ms, p95 40 ms (2 tasks)",
    ]
    assert Rows("fsync=on", [2.0, 4.0], [1.0, 2.0], 200.0, 7).lines() == [
        "fsync=on: 2 millions, 333,333 rows a second",
        "  a million: 3.00 s at first, 3.00 s at last, 1.00 x; processors 1.50 s at first, 1.50 s at last, 1.00 x",
        "  WAL 100 MB a million, 7 full pages",
    ]
    assert Generated([2.0, 4.0], [10.0, 10.0]).lines()[:2] == [
        "2 millions through the pipeline, 333,333 numbers a second",
        "  the last 5 over the first 5: 1.00 x",
    ]

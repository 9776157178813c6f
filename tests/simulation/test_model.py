"""The simulation: what can be told by hand comes out of it, and nothing in it is quicker than its processors."""

from dataclasses import replace

import pytest

from simulation.cases import ALL_CODES, MEASURED_ON, Compared, even, percentile
from simulation.cluster import Shape
from simulation.costs import BATCH, Costs, Work
from simulation.model import Task, batches_of, run

FULL, SMALL, TASK = (
    Work(0.006, 0.002, 0.008, 0.001),
    Work(0.003, 0.001, 0.002, 0.001),
    Work(0.007, 0.002, 0.003, 0.002),
)
COSTS = Costs(
    source="made up",
    full_batch=FULL,
    small_batch=SMALL,
    small_task=TASK,
    coordinate=0.25,
    hop=0.001,
    flush=0.0015,
    wal_megabytes=100,
    kafka_megabytes=20,
    busy={},
    measured={},
)
CODES = even(4, 8)


def tasks(count: int, quantity: int) -> list[Task]:
    """Of as many users, all at once."""
    return [Task(0.0, f"user-{number}", quantity, CODES) for number in range(count)]


def test_a_small_task_takes_the_sum_of_its_parts() -> None:
    """One batch: four hops, one flush, and all processor time but what the gateway does aside."""
    outcome = run(COSTS, Shape(1, 4), [Task(1.0, "ann", 100, CODES[:1])])
    worked = TASK.worker + TASK.broker + TASK.database + (TASK.edge - SMALL.edge)
    assert outcome.waits == [pytest.approx(worked + 4 * COSTS.hop + COSTS.flush)]
    assert outcome.seconds == pytest.approx(1 + outcome.waits[0])


def test_no_machine_is_quicker_than_its_processors() -> None:
    """On one machine for all, the time is at least all processor time over the processors, and not far above."""
    several = tasks(4, 250_000)
    outcome = run(COSTS, MEASURED_ON, several)
    batches = (COSTS.batch(rows) for task in several for _, rows in batches_of(task))
    worked = sum(batches, COSTS.task * len(several))
    least = (worked.worker + worked.broker + worked.database + worked.edge) / MEASURED_ON.processors
    assert least <= outcome.seconds < 1.15 * least


def test_workers_with_machines_of_their_own_add_up_until_postgresql_is_full() -> None:
    """Two carry almost twice what one does; many, what the server of PostgreSQL can."""
    many = tasks(24, 250_000)
    one, two = (run(COSTS, Shape(workers, 4, processors=4), many).rate for workers in (1, 2))
    assert 1.8 < two / one <= 2
    full = run(COSTS, Shape(4, 4, databases=1, processors=1), many)
    assert full.busiest[0] == "PostgreSQL"
    assert full.rate < BATCH / FULL.database


def test_a_second_database_takes_half_of_the_area_codes() -> None:
    """Where the first one was full, both together carry more."""
    shape = Shape(8, 8, processors=1, brokers=8)
    one, two = (run(COSTS, replace(shape, databases=count), tasks(24, 100_000)).rate for count in (1, 2))
    assert two > 1.4 * one


def test_a_worker_never_works_on_two_records_of_a_partition() -> None:
    """All batches of one area code, many tasks: allocate is what all of them wait for, one at a time."""
    counted = replace(MEASURED_ON, processors=64, stored=False)
    alone = [Task(0.0, f"user-{number}", 50_000, CODES[:1]) for number in range(8)]
    a_turn = FULL.worker * (1 - COSTS.coordinate) / 2 + FULL.broker / 2
    assert run(COSTS, counted, alone).rate < BATCH / a_turn


def test_the_plan_is_that_of_the_pipeline() -> None:
    """Every number is in one batch, none larger than a batch may be."""
    batches = batches_of(Task(0.0, "ann", 123_456, CODES))
    assert sum(rows for _, rows in batches) == 123_456
    assert max(rows for _, rows in batches) <= BATCH
    assert {code for code, _ in batches} <= set(CODES)


def test_area_codes_are_even_over_the_partitions() -> None:
    """As many of each; all are different."""
    codes = even(12, 24)
    assert len(set(codes)) == 24
    assert set(codes) <= set(ALL_CODES)


@pytest.mark.parametrize(("unit", "simulated", "error"), [("s", 1.6, 0.25), ("s", 2.0, 0.0), ("/s", 2.5, 0.25)])
def test_an_error_above_0_is_a_simulation_that_is_too_fast(unit: str, simulated: float, error: float) -> None:
    """Whether a time or a rate was measured."""
    assert Compared("", 2.0, simulated, unit).error == pytest.approx(error)


def test_a_percentile_is_a_value() -> None:
    """By nearest rank."""
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, percent) for percent in (50, 95, 100)] == [50, 95, 100]
    assert percentile([7.0], 50) == 7

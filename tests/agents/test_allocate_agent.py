"""The shell of allocate: what is sent and written, in which order, and what a replay repeats."""

from dataclasses import replace
from typing import Any

import pytest
from pyroaring import BitMap

from agents.allocate import Allocate
from pipeline import suppress
from pipeline.allocate import fact_key
from pipeline.draw import DRAW_VERSION
from pipeline.errors import StepFailed
from pipeline.metrics import WorkerMetrics
from pipeline.prefix_build import PrefixRow, prefix_events
from pipeline.prefixes import AreaCode
from schemas import codec, events, topics
from tests.agents.fakes import FakeDelivery, FakeTable, record_of

TASK = "1b4e28ba-2fa1-51d2-883f-0016d3cca427"


def planned(batch: int = 0, size: int = 50) -> events.BatchPlanned:
    """A batch of area code 212."""
    return events.BatchPlanned(TASK, "ann", batch, None, "212", size, 1, DRAW_VERSION, "7", False, events.Filters())


class OnePrefix:
    """The prefix data of area code 212: one thousands block."""

    def __init__(self) -> None:
        row = PrefixRow("212", 201, 1 << 3, "US", "NY", "America/New_York", "carrier", "wireless")
        (event,) = prefix_events({"212": [row]}, 1, 1)
        self._prefixes = AreaCode(event)

    async def of(self, area_code: str, version: int, partition: int) -> AreaCode:
        """At once."""
        return self._prefixes


class Allocating:
    """Allocate on a fake ledger."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.ledger, self.delivery = FakeTable(self.calls), FakeDelivery(self.calls)
        self.step = Allocate(self.delivery, self.ledger, OnePrefix(), metrics)  # type: ignore[arg-type]

    async def take(self, event: events.BatchPlanned) -> bytes:
        """Run the step; the numbers that it sent on."""
        self.calls.clear()
        await self.step(record_of(event, topics.BATCHES, b"212"))
        assert [kind for kind, _ in self.calls] == ["put", "written", "send"]
        message = self.calls[-1][1]
        assert (message.topic, message.partition_key) == (topics.ALLOCATIONS, "212")
        sent = codec.decode(message.value)
        assert isinstance(sent, events.BatchAllocated)
        return sent.numbers

    async def suppress(self, *changes: events.Suppressed) -> list[tuple[str, Any]]:
        """Run the step on changes; what it did for the last."""
        for change in changes:
            self.calls.clear()
            await self.step(record_of(change, topics.BATCHES, b"212"))
        return list(self.calls)


@pytest.fixture
def allocating(metrics: WorkerMetrics) -> Allocating:
    """Allocate, with an empty ledger."""
    return Allocating(metrics)


async def test_allocate_writes_the_fact_before_it_sends(allocating: Allocating) -> None:
    """Rule 5: a number that was sent without a fact could be drawn again."""
    numbers = await allocating.take(planned())
    assert [kind for kind, _ in allocating.calls] == ["put", "written", "send"]
    assert allocating.calls[0] == ("put", (fact_key("212", TASK, 0), numbers))


async def test_allocate_repeats_the_fact_and_the_message_on_a_replay(allocating: Allocating) -> None:
    """Whatever was drawn since, in this generation and in the next."""
    first = await allocating.take(planned(0))
    calls = list(allocating.calls)
    await allocating.take(planned(1))
    for _ in range(2):
        assert await allocating.take(planned(0)) == first
        assert allocating.calls == calls
        allocating.step.ledger.unions.forget()


async def test_allocate_never_draws_a_number_twice(allocating: Allocating) -> None:
    """The whole block goes out once, with and without the union in memory."""
    drawn = BitMap()
    for batch in range(21):
        numbers = BitMap.deserialize(await allocating.take(planned(batch)))
        assert not drawn & numbers
        drawn |= numbers
        if batch % 3 == 0:
            allocating.step.ledger.unions.forget()
    assert len(drawn) == 1000


async def test_a_fact_found_present_is_added_to_the_union(allocating: Allocating, metrics: WorkerMetrics) -> None:
    """Rule 5: the ledger may know a batch that the union in memory does not."""
    other = Allocating(metrics)
    first, second = await other.take(planned(0)), await other.take(planned(1))
    assert await allocating.take(planned(0)) == first
    allocating.ledger.rows[fact_key("212", TASK, 1)] = second

    assert await allocating.take(planned(1)) == second

    rest = BitMap.deserialize(await allocating.take(planned(2, size=1000)))
    assert not rest & BitMap.deserialize(second)
    assert len(rest) == 900


async def test_a_union_forgotten_in_the_middle_does_not_leak(allocating: Allocating) -> None:
    """What an event of the old generation adds is not what the next one goes by."""
    allocating.delivery.meanwhile = allocating.step.ledger.unions.forget
    await allocating.take(planned(0))
    assert allocating.step.ledger.unions.current() == {}


def suppressed(name: str, *numbers: int, user: str | None = None, removed: bool = False) -> events.Suppressed:
    """A change of what is suppressed in area code 212."""
    return events.Suppressed("212", name, user, removed, BitMap(numbers).serialize())


BLOCK = range(13_000, 14_000)  # all that area code 212 holds here


async def test_a_suppressed_number_is_not_drawn_by_a_batch_after_it(allocating: Allocating) -> None:
    """By nobody from everybody's list, by its user from a user's own; the fact of a batch before it stays."""
    before = await allocating.take(planned(0, size=10))
    await allocating.suppress(suppressed("a", *BLOCK[:600]), suppressed("b", *BLOCK[600:700], user="ann"))
    assert await allocating.take(planned(0, size=10)) == before
    rest = BitMap.deserialize(await allocating.take(planned(1, size=1000)))
    assert rest == BitMap(BLOCK[700:]) - BitMap.deserialize(before)
    of_ben = BitMap.deserialize(await allocating.take(replace(planned(2, size=1000), user_id="ben")))
    assert of_ben == BitMap(BLOCK[600:700]) - BitMap.deserialize(before)


async def test_a_change_of_what_is_suppressed_is_a_fact_and_nothing_else(allocating: Allocating) -> None:
    """Written as it came; on a replay, or sent again, written under its first key; in order after a rebalance."""
    first, second = suppressed("a", 13_000, 13_001), suppressed("b", 13_000, removed=True)
    keys = [suppress.fact_key("212", number, name) for number, name in enumerate("ab")]
    for event, key in ((first, keys[0]), (second, keys[1]), (first, keys[0]), (second, keys[1])):
        assert await allocating.suppress(event) == [("put", (key, codec.encode(event))), ("written", 1)]
        allocating.step.ledger.unions.forget()
    assert sorted(allocating.ledger.rows) == keys
    assert allocating.step.ledger.of("212", 0).suppressed.everybody == BitMap([13_001])
    assert BitMap.deserialize(await allocating.take(planned(0, size=1000))) == BitMap(BLOCK) - BitMap([13_001])


async def test_a_broken_list_of_numbers_is_a_property_of_its_record(allocating: Allocating) -> None:
    """It goes to the dead letters and leaves no fact; the next record follows."""
    with pytest.raises(StepFailed):
        await allocating.suppress(replace(suppressed("a"), numbers=b"\x00broken"))
    assert allocating.ledger.rows == {}
    assert len(BitMap.deserialize(await allocating.take(planned(0)))) == 50

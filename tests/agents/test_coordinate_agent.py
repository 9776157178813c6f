"""The shell of coordinate: what is sent and written, in which order, and what a replay repeats."""

import time
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agents.coordinate import Coordinate
from agents.records import Outgoing
from pipeline.coordinate import fact_name, fact_of
from pipeline.draw import DRAW_VERSION
from pipeline.errors import Unreadable
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.topics import Topic
from tests.agents.fakes import FakeDelivery, FakeTable, record_of

TASK = "1b4e28ba-2fa1-51d2-883f-0016d3cca427"
PREFIX = f"ann|{TASK}|".encode()
PLAN = events.Plan(
    quantity=300,
    batch_size=100,
    window=2,
    prefix_version=1,
    draw_version=DRAW_VERSION,
    seed="7",
    on_shortfall="fail",
    auto_validate=False,
    filters=events.Filters(),
    shares=(events.AreaCodeShare("212", 300),),
)
SUBMITTED = events.TaskSubmitted(TASK, "ann", "r1", None, None, b"hash", 1_700_000_000_000, PLAN)
CANCEL = events.CancelRequested(TASK, "ann", "r2")
REFUSED = events.TaskRefused(
    *(TASK, "ann", "r1", None, None, "generate", b"refused", 1_700_000_000_000, "invalid_request"),
    *("quantity: is missing", (events.FieldError("quantity", "is missing"),)),
)


def stored(batch: int, count: int = 100) -> events.BatchStored:
    """A batch that is durable."""
    return events.BatchStored(TASK, "ann", batch, "212", 100, count)


class Coordinating:
    """Coordinate on a fake table; `happened` is the order of sends and writes of the last event."""

    def __init__(self) -> None:
        self.metrics = WorkerMetrics(CollectorRegistry())
        self.calls: list[tuple[str, Any]] = []
        self.table, self.delivery = FakeTable(self.calls), FakeDelivery(self.calls)
        self.step = Coordinate(self.delivery, self.table, self.metrics)  # type: ignore[arg-type]
        self._offset = -1

    async def take(self, *taken: events.TaskEvent) -> list[str]:
        """Run the step on new records; what happened for the last."""
        for event in taken:
            self._offset += 1
            await self.at(event, self._offset)
        return self.happened()

    async def at(self, event: events.TaskEvent, offset: int) -> None:
        """Run the step on the record of an offset, whose time follows from it."""
        self.calls.clear()
        await self.step(record_of(event, topics.TASK_EVENTS, b"ann", offset, 1_700_000_000_000 + 100 * offset))

    def happened(self) -> list[str]:
        """The calls of the last event, in words; audit records are left out."""
        words = [_in_words(kind, what) for kind, what in self.calls]
        return [word for word in words if word != "send Audited"]

    def sent(self) -> list[events.Event]:
        """The events sent for the last event, but for audit records."""
        return [event for event in self.all_sent() if not isinstance(event, events.Audited)]

    def all_sent(self) -> list[events.Event]:
        """The events sent for the last event."""
        return [codec.decode(what.value) for kind, what in self.calls if kind == "send"]


def _in_words(kind: str, what: Any) -> str:
    if kind == "put":
        return f"put {what[0].removeprefix(PREFIX).decode()}"
    if kind == "remove":
        return f"remove {what.removeprefix(PREFIX).decode()}"
    if kind == "written":
        return f"{what} written"
    assert isinstance(what, Outgoing)
    event = codec.decode(what.value or b"")
    return f"send {event.batch}" if isinstance(event, events.BatchPlanned) else f"send {type(event).__name__}"


@pytest.fixture
async def coordinating() -> Coordinating:
    """Coordinate, with nothing known."""
    return Coordinating()


async def test_coordinate_sends_before_it_writes_the_fact(coordinating: Coordinating) -> None:
    """Rule 5: were the fact first, a crash in between would lose what it leads to."""
    assert await coordinating.take(SUBMITTED) == [
        "send 0",
        "send 1",
        "send TaskProgress",
        "put plan",
        "1 written",
    ]
    assert await coordinating.take(stored(0)) == ["send 2", "send TaskProgress", "put batch|000000", "1 written"]


async def test_the_first_batches_go_by_a_request_of_their_own(
    coordinating: Coordinating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever works on them begins before the user is told; later ones go with what is told, for one wait."""
    requests: list[list[Topic]] = []
    send, way = coordinating.delivery.send, list[Topic]()

    async def remembered(*messages: Outgoing) -> None:
        requests.append([message.topic for message in messages])
        await send(*messages)

    async def given() -> None:
        requests.append(way)

    monkeypatch.setattr(coordinating.delivery, "send", remembered)
    monkeypatch.setattr(coordinating.delivery, "give_way", given)
    await coordinating.take(SUBMITTED)
    await coordinating.take(stored(0))

    assert requests == [
        [topics.BATCHES, topics.BATCHES],
        way,
        [topics.PROGRESS, topics.AUDIT],
        [topics.BATCHES, topics.PROGRESS],
    ]


async def test_what_coordinate_sends_goes_where_its_key_belongs(coordinating: Coordinating) -> None:
    """Batches by area code with the headers of their batch, progress and audit records by user."""
    await coordinating.take(SUBMITTED)
    first, _, progress, audited = (what for kind, what in coordinating.calls if kind == "send")
    assert (audited.topic, audited.key, audited.partition_key) == (topics.AUDIT, b"ann", "ann")
    assert (first.topic, first.key, first.partition_key) == (topics.BATCHES, b"212", "212")
    assert first.headers == (("user", b"ann"), ("task", TASK.encode()), ("batch", b"0"))
    assert (progress.topic, progress.key, progress.partition_key) == (topics.PROGRESS, b"ann", "ann")


async def test_a_redrive_sends_what_is_in_flight_and_leaves_no_fact(coordinating: Coordinating) -> None:
    """The same messages as before; nothing of a task that has ended or is not known."""
    again = record_of(events.RedriveRequested(TASK, "ann"), topics.TASK_EVENTS, b"ann")
    await coordinating.step(again)
    assert coordinating.calls == []
    await coordinating.take(SUBMITTED, stored(0))
    first = next(what for kind, what in coordinating.calls if kind == "send")
    coordinating.calls.clear()

    await coordinating.step(again)

    assert coordinating.happened() == ["send 1", "send 2"]
    assert coordinating.calls[1] == ("send", first)
    await coordinating.take(stored(1), stored(2))
    coordinating.calls.clear()
    await coordinating.step(again)
    assert coordinating.calls == []


async def test_a_request_leaves_one_audit_record_whatever_is_repeated(coordinating: Coordinating) -> None:
    """Its identity is its place in the log; batches leave none, and neither does a repetition."""
    kept = []
    for event in (SUBMITTED, SUBMITTED, stored(0), CANCEL, replace(CANCEL, request_id="r3"), stored(1)):
        await coordinating.take(event)
        kept += [one for one in coordinating.all_sent() if isinstance(one, events.Audited)]
    assert [(one.action, one.outcome, one.subject, one.actor) for one in kept] == [
        ("generate", "accepted", TASK, "ann"),
        ("cancel", "accepted", TASK, "ann"),
        ("cancel", "refused", TASK, "ann"),
    ]
    assert len({one.record_id for one in kept}) == 3
    assert '"code": "already_cancelled"' in kept[2].details
    again = Coordinating()
    await again.take(SUBMITTED)
    assert [one for one in again.all_sent() if isinstance(one, events.Audited)] == kept[:1]


async def test_a_replay_writes_the_same_fact_again_and_sends_nothing(coordinating: Coordinating) -> None:
    """The local store may be ahead of the changelog (F5); the bytes are equal, whatever came since."""
    await coordinating.take(SUBMITTED, stored(0), stored(1))
    before = dict(coordinating.table.rows)

    facts: list[tuple[events.TaskEvent, str]] = [(SUBMITTED, "plan"), (stored(0), "batch|000000")]
    for offset, (event, name) in enumerate(facts):
        for generation in ("the same", "the next"):
            if generation == "the next":
                coordinating.step.unions.forget()
            await coordinating.at(event, offset)
            assert coordinating.happened() == [f"put {name}", "1 written"]
            assert coordinating.table.rows == before


async def test_a_crash_before_the_fact_sends_the_same_again(coordinating: Coordinating) -> None:
    """Without the fact, the record's second coming decides as its first."""
    await coordinating.take(SUBMITTED)
    first = list(coordinating.calls)
    coordinating.table.rows.clear()
    coordinating.step.unions.forget()

    await coordinating.at(SUBMITTED, 0)

    assert coordinating.calls == first
    assert coordinating.table.rows[PREFIX + b"plan"] == fact_of(SUBMITTED, 1_700_000_000_000, 0)


async def test_a_task_in_memory_and_one_out_of_its_facts_decide_alike(coordinating: Coordinating) -> None:
    """Dropping the unions after every event changes nothing."""
    forgetful = Coordinating()
    taken: tuple[events.TaskEvent, ...] = (SUBMITTED, stored(1), stored(0, 90), CANCEL, stored(2))
    for event in taken:
        forgetful.step.unions.forget()
        assert await coordinating.take(event) == await forgetful.take(event)
        assert coordinating.calls == forgetful.calls
    assert coordinating.table.rows == forgetful.table.rows


async def test_the_end_stands_for_the_facts_of_the_batches(coordinating: Coordinating) -> None:
    """It is written after the last progress is sent; then the batches are deleted."""
    happened = await coordinating.take(SUBMITTED, stored(0), stored(1), stored(2))

    assert happened == [
        "send TaskProgress",
        "put end",
        "1 written",
        "remove batch|000000",
        "remove batch|000001",
        "2 written",
    ]
    assert sorted(coordinating.table.rows) == [PREFIX + b"end", PREFIX + b"plan"]
    (progress,) = coordinating.sent()
    end = codec.decode(coordinating.table.rows[PREFIX + b"end"])
    assert isinstance(end, events.Fact)
    assert codec.decode(end.event) == progress
    assert isinstance(progress, events.TaskProgress)
    assert (progress.status, progress.sequence) == ("completed", 4)
    assert coordinating.metrics.tasks_ended.labels("completed")._value.get() == 1
    assert coordinating.step.unions.current() == {}


async def test_a_cancel_that_ends_a_task_keeps_its_own_fact(coordinating: Coordinating) -> None:
    """A request is to be known again after the end, and facts of requests are never deleted."""
    happened = await coordinating.take(SUBMITTED, stored(0), stored(1), CANCEL, stored(2))
    assert "put end" in happened
    assert sorted(coordinating.table.rows) == [PREFIX + b"cancel", PREFIX + b"end", PREFIX + b"plan"]


async def test_a_task_that_is_cancelled_before_it_comes_ends_at_once(coordinating: Coordinating) -> None:
    """The event that ends it is its own submission, whose fact is written with the end and stays."""
    happened = await coordinating.take(CANCEL, SUBMITTED)
    assert happened == ["send TaskProgress", "put plan", "put end", "2 written"]
    (progress,) = coordinating.sent()
    assert isinstance(progress, events.TaskProgress)
    assert progress.status == "cancelled"


async def test_a_clean_up_that_was_cut_short_is_finished_by_the_replay(coordinating: Coordinating) -> None:
    """Between the end and the deletions a worker may die; its successor sends nothing and deletes the rest."""
    await coordinating.take(SUBMITTED, stored(0), stored(1))
    facts = dict(coordinating.table.rows)
    await coordinating.take(stored(2))
    end = coordinating.table.rows[PREFIX + b"end"]
    coordinating.table.rows |= facts
    coordinating.step.unions.forget()

    for event, offset in ((stored(1), 2), (stored(2), 3)):
        await coordinating.at(event, offset)
        assert not coordinating.sent()

    assert sorted(coordinating.table.rows) == [PREFIX + b"end", PREFIX + b"plan"]
    assert coordinating.table.rows[PREFIX + b"end"] == end


async def test_nothing_changes_after_the_end(coordinating: Coordinating) -> None:
    """Late batches are silent; a late cancel is answered, and the end is written once more."""
    await coordinating.take(SUBMITTED, stored(0), stored(1), stored(2))
    rows = dict(coordinating.table.rows)

    assert await coordinating.take(stored(1)) == ["put end", "1 written"]
    assert await coordinating.take(CANCEL) == ["send RequestRejected", "put end", "1 written"]
    assert await coordinating.take(SUBMITTED) == ["put plan", "1 written", "put end", "1 written"]
    assert coordinating.table.rows == rows


async def test_unions_forgotten_in_the_middle_do_not_leak(coordinating: Coordinating) -> None:
    """An event that began before a rebalance puts its task into the old generation's memory alone."""
    coordinating.delivery.meanwhile = coordinating.step.unions.forget
    await coordinating.take(SUBMITTED)
    assert coordinating.step.unions.current() == {}

    coordinating.delivery.meanwhile = lambda: None
    await coordinating.take(stored(0))
    assert list(coordinating.step.unions.current()) == [PREFIX]


async def test_tasks_of_one_user_do_not_mix(coordinating: Coordinating) -> None:
    """Their facts share a partition, and their keys begin alike."""
    other = replace(SUBMITTED, task_id="1b4e28ba-2fa1-51d2-883f-0016d3cca428", request_id="r9")
    await coordinating.take(SUBMITTED, other, stored(0), stored(1), stored(2))
    assert sorted(key.decode().split("|")[2] for key in coordinating.table.rows) == ["end", "plan", "plan"]


@pytest.mark.parametrize("value", [b"{}", None, codec.encode(events.Fact(1, 1, b""))])
async def test_a_record_that_is_no_event_of_a_task_is_unreadable(
    coordinating: Coordinating, value: bytes | None
) -> None:
    """Nothing is sent or written for it here; the delivery gives it up."""
    with pytest.raises(Unreadable):
        await coordinating.step(replace(record_of(CANCEL, topics.TASK_EVENTS), value=value))
    assert coordinating.calls == []


async def test_a_batch_that_was_never_sent_is_unreadable(coordinating: Coordinating) -> None:
    """It goes to the dead letters, and leaves no fact."""
    with pytest.raises(Unreadable, match=f"batch 5 of task {TASK} was never sent"):
        await coordinating.take(SUBMITTED, stored(5))
    assert coordinating.calls == []


async def test_a_request_that_was_refused_many_times_keeps_nobody_waiting(
    coordinating: Coordinating,
) -> None:
    """Each other body leaves a fact, and a client may go on trying: all are read again for its next request."""
    many = 20_000
    all_of_them = [replace(REFUSED, body_hash=sha256(b"%d" % number).digest()) for number in range(many + 1)]
    for one in all_of_them[:many]:
        coordinating.table.rows[PREFIX + fact_name(one).encode()] = fact_of(one, one.requested_at, 0)
    started = time.process_time()
    await coordinating.take(all_of_them[many])
    assert time.process_time() - started < 2
    (told,) = coordinating.sent()
    assert isinstance(told, events.TaskProgress)
    assert told.sequence == many + 1
    await coordinating.take(all_of_them[0])
    assert coordinating.sent() == []

"""A message handed to the next step in this worker at once, while the broker still takes it.

Only for steps whose outcome depends on nothing but the message (enrich, store). Identity fixes content (delivery
contract, rule 3), so such a step may take a message early, in any order and more than once. The broker's copy
comes all the same: it is acknowledged when the step has dealt with what was handed over, and dealt with as any
other record where that failed, or where nothing was handed over. Where a rebalance comes before the copy, it is
committed unread, for the next owner of the partition would do it once more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

from agents.records import Record
from agents.turns import SMALL_ROWS
from pipeline.errors import RecordError

log = logging.getLogger(__name__)

SMALL_BYTES = 8 * SMALL_ROWS  # of enriched columns: number and prefix id take four each
# messages of a step handed over whose copies have not come yet; further ones take the long way, one by one. Small
# ones have places of their own: behind large ones that take it they would wait for all of these
MOST = 64
MOST_SMALL = 256
LEAVE_SECONDS = 1.0  # for the copies to come when a worker stops

Identity = tuple[bytes | None, bytes | None]
Place = tuple[str, int, int]  # topic, partition, offset
Attempt = Callable[[Record], Awaitable[None]]

_gone: ContextVar[asyncio.Event | None] = ContextVar("_gone", default=None)


def gone() -> None:
    """What this step has made of a message is on its way: called for whatever is sent, handed over or not."""
    if event := _gone.get():
        event.set()


def is_small(value: bytes | None) -> bool:
    """Whether a message is about few numbers, which somebody may wait for."""
    return len(value or b"") <= SMALL_BYTES


def identity(record: Record) -> Identity:
    """Task and batch, out of the headers; None for one that the record does not have."""
    return record.header("task"), record.header("batch")


class _Handed(NamedTuple):
    task: asyncio.Task[bool]
    small: bool


class Handoff:
    """What was handed to one step, until the broker's copies come.

    attempt: the step, raising what it raises. failed: called with what is no property of the record. Belongs to the
    worker's event loop; no lock.
    """

    def __init__(self, attempt: Attempt, failed: Callable[[Exception], Awaitable[None]]) -> None:
        self._attempt, self._failed = attempt, failed
        self._handed: dict[Identity, _Handed] = {}
        self._running: set[asyncio.Task[bool]] = set()
        self._places: dict[Identity, Place] = {}  # of the copies that have not come
        self._open, self._empty = True, asyncio.Event()

    def offer(self, record: Record) -> asyncio.Event | None:
        """Begin with a message that is being sent; its offset is not known yet.

        Returns what is set once the step has sent what it makes of it, or has ended; None where it does not begin.
        """
        one, small = identity(record), is_small(record.value)
        if not self._open or one in self._handed or self._full(small):
            return None
        event = asyncio.Event()
        task = asyncio.create_task(self._run(record, event))
        self._handed[one] = _Handed(task, small)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return event

    def placed(self, record: Record, offset: int) -> None:
        """Where its copy lies, now that the broker has it."""
        if identity(record) in self._handed:
            self._places[identity(record)] = record.topic, record.partition, offset

    async def dealt_with(self, record: Record) -> bool:
        """Whether the step is through with a record whose copy was handed over; waits until it is.

        False where nothing was handed over or the step failed: the record is then to be processed as any other.
        """
        handed = self._handed.pop(identity(record), None)
        self._places.pop(identity(record), None)
        if not self._handed:
            self._empty.set()
        return handed is not None and await asyncio.shield(handed.task)

    async def settled(self) -> list[Place]:
        """Wait for what runs, and expect no copies any more: other partitions are ours from now on.

        Returns where the copies lie that nobody has to read, in order.
        """
        handed, self._handed, places, self._places = self._handed, {}, self._places, {}
        if self._running:
            await asyncio.wait(set(self._running))
        return sorted([place for one, place in places.items() if await handed[one].task])

    async def emptied(self) -> None:
        """Take no more, and wait until all copies have come: a successor would do them once more.

        Waits LEAVE_SECONDS at most, and then returns all the same.
        """
        self._open = False
        if self._handed:
            self._empty.clear()  # it was empty before, between two messages
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), LEAVE_SECONDS)

    def _full(self, small: bool) -> bool:
        handed = sum(one.small is small for one in self._handed.values())
        return handed >= (MOST_SMALL if small else MOST)

    async def _run(self, record: Record, event: asyncio.Event) -> bool:
        _gone.set(event)
        try:
            await self._attempt(record)
        except RecordError as error:
            # a dead letter says where the record lies, which only its copy knows
            log.info("a message handed over fails, and waits for its copy: %s", error)
            return False
        except Exception as error:
            await self._failed(error)
            return False
        finally:
            event.set()
        return True


def settle_before_last_commits(app: Any, handoffs: Iterable[Handoff]) -> None:
    """A worker gives its partitions away when nothing that it took from them is under way, nor to be done again.

    app: of agents/faust_workarounds, which commits the places that its `before_last_commit` returns.
    """

    async def settled() -> list[Place]:
        return [place for handoff in handoffs for place in await handoff.settled()]

    async def revoked(sender: Any, revoked: Any, **kwargs: Any) -> None:
        await settled()  # what came after that commit

    app.before_last_commit = settled
    app.on_partitions_revoked.connect(revoked)

"""task-events -> coordinate -> batches, validations, progress: the one writer of a task's state."""

from dataclasses import replace
from typing import cast

from agents.deletions import remove_all
from agents.delivery import Delivery, pure
from agents.faust_workarounds import Table
from agents.loads import Loads
from agents.records import Outgoing, Record, audit_message, batch_headers
from agents.unions import Unions
from pipeline import audit
from pipeline.compact import let_go_in_order
from pipeline.coordinate import (
    Decision,
    decide,
    fact_name,
    fact_of,
    redrive,
    refusal_named,
    refused_while_running,
)
from pipeline.metrics import WorkerMetrics, size_of
from pipeline.task import Task
from pipeline.validation import batch_key, without_numbers
from schemas import codec, events, topics
from schemas.parse import RequestInvalid

TASK_EVENTS = (
    events.TaskSubmitted,
    events.ValidationSubmitted,
    events.TaskRefused,
    events.CancelRequested,
    events.BatchStored,
    events.BatchJudged,
    events.BatchFailed,
)
COMMANDS = (events.RedriveRequested, events.TaskForgotten)  # leave no fact
Command = events.RedriveRequested | events.TaskForgotten


class Coordinate:
    """The step coordinate. Table `tasks`: ``user|task|fact name`` -> Fact."""

    def __init__(self, delivery: Delivery, table: Table, metrics: WorkerMetrics) -> None:
        self._delivery, self._table, self._metrics = delivery, table, metrics
        self.unions: Unions[bytes, Task] = Unions()
        self.loads = Loads(delivery, table)

    async def __call__(self, record: Record) -> None:
        """One event: send what it leads to, then write the fact (delivery contract, rule 5)."""
        with pure():
            event = cast(events.TaskEvent | Command, record.event(*TASK_EVENTS, *COMMANDS))
            prefix = f"{event.user_id}|{event.task_id}|".encode()
        known = self.unions.current()
        if (task := known.get(prefix)) is None:
            facts = list(self._table.items_with_prefix(record.partition, prefix))
            with pure():
                task = load_task(facts)
        if isinstance(event, events.RedriveRequested):
            with pure():
                again = redrive(task)
            return await self._send(again, [])
        if isinstance(event, events.TaskForgotten):
            if task.submitted is None or task.ended:
                # by name, whether or not they are here: the local store may be ahead of the changelog (F5)
                self._metrics.facts_let_go.labels("tasks").inc(len(event.facts))
                facts_let_go = [prefix + name.encode() for name in let_go_in_order(event.facts)]
                await remove_all(self._delivery, self._table, facts_let_go)
            return None
        beside: list[Outgoing] = []
        if isinstance(event, events.Submission):
            event, beside = await self._allowed(record, event, task)
        with pure():
            decision = decide(task, event, record.timestamp)
            audited = audit.of_event(event, decision, record.place, record.timestamp)
        if audited is not None:
            beside.append(audit_message(audited))
        await self._send(decision, beside)
        key = prefix + fact_name(event).encode()
        if decision.repeated and (fact := self._table.get(key)) is not None:
            await self._delivery.written(self._table.put(key, fact), *self.loads.planned(event, task))
        if decision.after is not None:
            task = decision.after
            if task.ended:
                known.pop(prefix, None)
                self._count_end(task, record)
                return await self._write_end(record, prefix, key, event, task, decision)
            fact = fact_of(event, record.timestamp, decision.sent_before)
            await self._delivery.written(self._table.put(key, fact), *self.loads.planned(event, task))
        if task.submitted is not None and not task.ended:
            known[prefix] = task
        elif task.ended:
            await self._clean_up(record, prefix, task)
        return None

    async def _send(self, decision: Decision, beside: list[Outgoing]) -> None:
        """At a task's begin its batches by a request of their own: work begins while the user is told. Later all at
        once: who waits for the next record of this partition waits for one acknowledgement less."""
        batches = [batch_message(batch) for batch in decision.batches]
        told = [*progress_messages(decision), *beside]
        if decision.begins:
            await self._delivery.send(*batches)
            await self._delivery.give_way()
            await self._delivery.send(*told)
        else:
            await self._delivery.send(*batches, *told)

    async def _allowed(
        self, record: Record, submitted: events.Submission, task: Task
    ) -> tuple[events.TaskEvent, list[Outgoing]]:
        """A request as it is to be decided on; or its refusal, and its record for the dead letters."""
        event: events.TaskEvent = submitted
        if isinstance(event, events.ValidationSubmitted) and event.plan.held_task and not task.has(event):
            event = self._judgeable(record, event, task)
        if isinstance(event, events.Submission) and task.submitted is None:
            event = await self.loads.affordable(record, event, task)
        if isinstance(event, events.TaskRefused):
            return event, self._letter(submitted, event)
        return replace(submitted, record=None), []

    def _letter(self, submitted: events.Submission, refused: events.TaskRefused) -> list[Outgoing]:
        """The dead letter of a request that intake has let pass; none of one that an older intake did."""
        if (kept := submitted.record) is None:
            return []
        headers = tuple((header.name, header.value) for header in kept.headers)
        asked = Record(kept.topic, kept.partition, kept.offset, kept.timestamp, kept.key, kept.value, headers)
        invalid = RequestInvalid(refused.errors, refused.code, refused.type, refused.user_id, refused.request_id)
        return [self._delivery.dead_letter("coordinate", asked, invalid)]

    def _judgeable(self, record: Record, submitted: events.ValidationSubmitted, task: Task) -> events.TaskEvent:
        """The validation of a task, or its refusal: the facts of a user's tasks are all in this partition."""
        prefix = f"{submitted.user_id}|{submitted.plan.held_task}|".encode()
        target = self.unions.current().get(prefix)
        if target is None:
            facts = list(self._table.items_with_prefix(record.partition, prefix))
            with pure():
                target = load_task(facts)
        end = self._table.get(prefix + b"end")
        with pure():
            return refused_while_running(submitted, task, target, ending_of(end)) or submitted

    async def _write_end(
        self,
        record: Record,
        prefix: bytes,
        key: bytes,
        event: events.TaskEvent,
        task: Task,
        decision: Decision,
    ) -> None:
        """The end stands for the facts of its batches; those of requests stay, to know them again."""
        assert isinstance(decision.progress, events.TaskProgress)
        end = codec.encode(events.Fact(record.timestamp, task.sent, codec.encode(decision.progress)))
        writes = self.loads.ended(task)
        if not isinstance(event, events.BatchEnd):
            # first: a replay that finds the end alone would take a cancel for one that came too late
            writes.append(self._table.put(key, fact_of(event, record.timestamp, decision.sent_before)))
        writes.append(self._table.put(prefix + b"end", end))
        await self._delivery.written(*writes)
        await self._shorten(record, prefix, task)

    def _count_end(self, task: Task, record: Record) -> None:
        self._metrics.tasks_ended.labels(task.status).inc()
        if task.submitted is not None and task.status == "completed":
            kind = "validate" if isinstance(task.submitted, events.ValidationSubmitted) else "generate"
            seconds = max(0, record.timestamp - task.submitted.requested_at) / 1000
            self._metrics.task_seconds.labels(kind, size_of(task.submitted.plan.quantity)).observe(seconds)

    async def _clean_up(self, record: Record, prefix: bytes, task: Task) -> None:
        """On a replay: delete and write again, for the local store may be ahead of the changelog (F5)."""
        if (end := self._table.get(prefix + b"end")) is not None:
            await self._delivery.written(*self.loads.ended(task), self._table.put(prefix + b"end", end))
            await self._shorten(record, prefix, task)

    async def _shorten(self, record: Record, prefix: bytes, task: Task) -> None:
        """Once the end is a fact: a plan needs no list any more, and the facts of batches go."""
        if isinstance(task.submitted, events.ValidationSubmitted):
            plan = fact_of(without_numbers(task.submitted), task.started_at, 0)
            await self._delivery.written(self._table.put(prefix + b"plan", plan))
        batches = [key for key, _ in self._table.items_with_prefix(record.partition, prefix + b"batch|")]
        await remove_all(self._delivery, self._table, batches)


def ending_of(fact: bytes | None) -> events.TaskProgress | None:
    """What the fact `end` says."""
    if fact is None:
        return None
    outer = codec.decode(fact)
    assert isinstance(outer, events.Fact)
    ending = codec.decode(outer.event)
    assert isinstance(ending, events.TaskProgress)
    return ending


def load_task(facts: list[tuple[bytes, bytes]]) -> Task:
    """A task out of its facts in the table, in any order.

    Of refusals there may be very many, for each other body leaves one; their names say all.
    """
    refusals, rest = set(), []
    for key, value in facts:
        if (refused := refusal_named(key.split(b"|", 2)[2].decode())) is not None:
            refusals.add(refused)
        else:
            rest.append(value)
    task = Task().with_refusals(refusals)
    for value in rest:
        fact = codec.decode(value)
        assert isinstance(fact, events.Fact)
        event = codec.decode(fact.event)
        if isinstance(event, events.TaskProgress):
            task = task.with_end(event.status)
        else:
            assert isinstance(event, TASK_EVENTS)
            task = task.with_fact(event, fact.at, fact.sent)
    return task


def progress_messages(decision: Decision) -> list[Outgoing]:
    """What the user is told of a decision, if anything."""
    if (told := decision.progress) is None:
        return []
    return [Outgoing(topics.PROGRESS, told.user_id.encode(), codec.encode(told), told.user_id)]


def batch_message(batch: events.BatchPlanned | events.ValidationPlanned) -> Outgoing:
    """What asks for a batch, by the kind of its task."""
    if isinstance(batch, events.ValidationPlanned):
        topic, key = topics.VALIDATIONS, batch_key(batch)
    else:
        topic, key = topics.BATCHES, batch.area_code
    return Outgoing(topic, key.encode(), codec.encode(batch), key, batch_headers(batch))

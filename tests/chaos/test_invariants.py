"""Each invariant finds what it is there for: a judge that cannot find fault is none."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chaos.history import LEDGER, TASKS, Entry, Heard, History, TaskRow
from chaos.invariants import INVARIANTS, repeated, sentence_of, violations
from schemas import codec, events
from tests.chaos.history import (
    OTHER,
    TASK,
    enriched,
    entry,
    fact,
    letter,
    planned,
    progress,
    sound_history,
    stored,
)

FIRST, SECOND = (TASK, 0), (TASK, 1)


def _unfinished(history: History) -> None:
    history.log["progress"].pop()


def _row_behind(history: History) -> None:
    history.tasks[TASK] = TaskRow("running", 2)


def _rows_missing(history: History) -> None:
    del history.batches[SECOND]


def _other_rows(history: History) -> None:
    history.batches[FIRST] = replace(history.batches[FIRST], numbers=history.batches[FIRST].numbers + 1)


def _marker_lies(history: History) -> None:
    history.batches[FIRST] = replace(history.batches[FIRST], count=1)


def _a_number_too_many(history: History) -> None:
    history.asked[TASK] = 2


def _drawn_twice(history: History) -> None:
    history.log[LEDGER].append(fact(7, (2_000,), OTHER))


def _another_content(history: History) -> None:
    history.log["numbers"].append(entry(enriched(1, (2_001,)), offset=9))


def _another_fact(history: History) -> None:
    history.log[TASKS] = [Entry(0, 0, b"fact", b"one"), Entry(0, 1, b"fact", None), Entry(0, 2, b"fact", b"two")]


def _another_progress(history: History) -> None:
    history.log["progress"].insert(0, entry(progress(3, "running", 2)))


def _unasked(history: History) -> None:
    history.log["batches"].append(entry(planned(0, task=OTHER)))


def _backwards(history: History) -> None:
    history.heard.insert(2, Heard(TASK, "active_tasks", 1))


def _after_the_end(history: History) -> None:
    history.heard.append(Heard(TASK, "task_progress", 3))


def _uncaused_letter(history: History) -> None:
    history.log["deadletters"].append(letter(b"whole", "store", "StepFailed"))


def _letter_missing(history: History) -> None:
    history.log["deadletters"].clear()


BREAKS: dict[Callable[[History], None], str] = {
    _unfinished: f"task {TASK} of 3 numbers: its last progress is running with 2",
    _row_behind: f"task {TASK} of 3 numbers: its row in PostgreSQL is TaskRow(status='running', succeeded=2)",
    _rows_missing: f"batch 1 of task {TASK} is not in PostgreSQL",
    _other_rows: f"batch 0 of task {TASK}: 2 numbers in the ledger, 2 sent, 2 stored, and not the same",
    _marker_lies: f"batch 0 of task {TASK}: its marker says 1, coordinate was told 2",
    _a_number_too_many: f"task {TASK}: 2 numbers were asked for, 3 are stored",
    _drawn_twice: f"1 numbers of batch 7 of task {OTHER} were given out before, in 201",
    _another_content: f"('numbers', '{TASK}', 1) came with another content at 0/9",
    _another_fact: "('tasks-changelog', b'fact') came with another content at 0/2",
    _another_progress: f"('progress', '{TASK}', 3) came with another content at 0/0",
    _unasked: f"batch 0 belongs to task {OTHER}, which nobody submitted",
    _backwards: f"task {TASK}: 1 was heard after 2",
    _after_the_end: f"task {TASK}: task_progress was heard after its end",
    _uncaused_letter: "a dead letter of store, StepFailed: why",
    _letter_missing: "a broken request is not among the dead letters: b'broken'",
}


def test_a_sound_history_violates_nothing() -> None:
    """All breaks below begin with it."""
    assert violations(sound_history()) == []


@pytest.mark.parametrize("harm", BREAKS, ids=lambda harm: harm.__name__.strip("_"))
def test_what_is_broken_is_found(harm: Callable[[History], None]) -> None:
    """And said in a sentence that names it."""
    history = sound_history()
    harm(history)
    assert any(violation.endswith(BREAKS[harm]) for violation in violations(history)), violations(history)


def test_every_invariant_is_broken_by_one_of_these() -> None:
    """A new invariant needs a break of its own."""
    found: set[str] = set()
    for harm in BREAKS:
        history = sound_history()
        harm(history)
        found |= {violation.partition(":")[0] for violation in violations(history)}
    assert {sentence_of(one) for one in INVARIANTS} <= found


def test_what_is_sent_again_with_the_same_content_is_counted_and_no_violation() -> None:
    """A replay repeats records; that is at-least-once, and harmless."""
    history = sound_history()
    history.log["batches"].append(entry(planned(0)))
    history.log["task-events"].append(entry(stored(0, 2)))
    assert violations(history) == []
    assert repeated(history) == 1


def test_the_same_said_in_two_versions_is_one_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """As workers of two releases do at a rolling upgrade; what else differs is found."""
    event = stored(0, 2)
    (schema,) = codec.schema_files()["BatchStored"]
    newer = {**schema, "fields": [{"name": "more", "type": "string"}, *schema["fields"]]}
    monkeypatch.setattr(codec, "_learned", {})
    monkeypatch.setattr(codec, "_look_ups", [lambda _: ("BatchStored", newer)])
    body = codec.encode(event)[codec.HEADER_BYTES :]
    again = Entry(0, 9, b"key", codec.MARKER + codec.schema_fingerprint(newer) + b"\x08more" + body)
    history = sound_history()
    history.log["task-events"].append(again)
    assert violations(history) == []
    fact_of_it = Entry(0, 0, b"fact", codec.encode(events.Fact(1, 1, codec.encode(event))))
    fact_of_newer = Entry(0, 1, b"fact", codec.encode(events.Fact(1, 1, again.value or b"")))
    fact_of_other = Entry(0, 2, b"fact", codec.encode(events.Fact(1, 1, codec.encode(stored(0, 1)))))
    history.log[TASKS] = [fact_of_it, fact_of_newer]
    assert violations(history) == []
    history.log[TASKS].append(fact_of_other)
    assert len(violations(history)) == 1

"""What must hold of a world in which nothing is left to do."""

from collections import Counter

from pyroaring import BitMap

from pipeline.allocate import fact_key
from schemas import codec, events
from tests.model.scenario import readable
from tests.model.world import World


def check(world: World, reference: set[tuple[str, int]] | None) -> None:
    """What must hold when nothing is left to do."""
    ledger = _check_ledger(world)
    seen = _check_progress(world)
    for value in world.plans.values():
        submitted = readable(value)[2]
        if isinstance(submitted, events.ValidationSubmitted):
            _check_verdicts(world, submitted, seen.get(submitted.task_id))
        else:
            _check_end(world, submitted, seen.get(submitted.task_id), ledger)
    if reference is not None:
        world.expect(
            reference == set(world.database.rows), "same seed, other numbers", reference, set(world.database.rows)
        )


def _check_ledger(world: World) -> set[tuple[str, int]]:
    """No number under the facts of two batches, none lost; returns all that are taken or suppressed."""
    drawn: Counter[tuple[str, int]] = Counter()
    suppressed, summed = set(), set()
    for partition in (0, 1):
        for key, value in world.changelogs["allocate", partition].items():
            if key.startswith(b"suppressed|"):
                change = codec.decode(value)
                assert isinstance(change, events.Suppressed)
                suppressed |= {(change.area_code, number) for number in BitMap.deserialize(change.numbers)}
            elif b"|sum|" in key:
                summed |= {(key.split(b"|")[0].decode(), number) for number in BitMap.deserialize(value)}
            else:
                drawn.update((key.split(b"|")[0].decode(), number) for number in BitMap.deserialize(value))
        _check_suppressed(world, partition)
    once = max(drawn.values(), default=0) < 2
    world.expect(once, "number under two ledger facts", drawn.most_common(2))
    lost = set(world.database.rows) - summed - set(drawn)
    world.expect(not lost, "stored number that the ledger has lost", lost)
    return suppressed | summed | set(drawn)


def _check_suppressed(world: World, partition: int) -> None:
    """No batch that comes after a suppression in the log holds a suppressed number."""
    withheld: set[tuple[str, int]] = set()
    before = set()
    for value in world.logs["batches", partition]:
        assert isinstance(value, bytes)
        event = codec.decode(value)
        if isinstance(event, events.Suppressed):
            withheld |= {(event.area_code, number) for number in BitMap.deserialize(event.numbers)}
        elif isinstance(event, events.BatchPlanned) and (event.task_id, event.batch) not in before:
            before.add((event.task_id, event.batch))
            fact = world.changelogs["allocate", partition].get(
                fact_key(event.area_code, event.task_id, event.batch), BitMap().serialize()
            )
            drawn = {(event.area_code, number) for number in BitMap.deserialize(fact)}
            world.expect(not drawn & withheld, "suppressed number drawn", event, drawn & withheld)


def _check_progress(world: World) -> dict[str, events.TaskProgress]:
    """One content a sequence, and readers never see a task go back; returns the last message of each task."""
    said: dict[tuple[str, int], events.TaskProgress] = {}
    seen: dict[str, events.TaskProgress] = {}
    for value in world.logs["progress", 0]:
        assert isinstance(value, bytes)
        heard = codec.decode(value)
        if not isinstance(heard, events.TaskProgress):
            continue
        first = said.setdefault((heard.task_id, heard.sequence), heard)
        world.expect(first == heard, "two contents under one sequence", first, heard)
        last = seen.get(heard.task_id)
        if last is None or heard.sequence > last.sequence or not world.rules.reader_filters:
            if last is not None and last.current_step != "refused":
                back = last.status not in ("running", heard.status) or heard.succeeded < last.succeeded
                world.expect(not back, "progress goes back", last, heard)
            seen[heard.task_id] = heard
    return seen


def _check_end(
    world: World,
    submitted: events.TaskSubmitted,
    last: events.TaskProgress | None,
    ledger: set[tuple[str, int]],
) -> None:
    """A task ends with the exact count of its rows, and falls short only when nothing is left."""
    plan = submitted.plan
    rows = sum(task == submitted.task_id for task, _ in world.database.rows.values())
    if not world.expect(last is not None and last.status != "running", "never terminal", submitted, rows, last):
        return
    assert last is not None
    reason = last.error.code if last.error else last.status
    total = last.result.total_generated if last.result else None
    whole = rows == plan.quantity or last.status != "completed" or plan.on_shortfall == "partial"
    exact = last.succeeded == total == rows and last.failed_items == plan.quantity - rows and whole
    world.expect(exact, f"count not exact ({reason})", "rows", rows, last)
    left = {(share.area_code, n) for share in plan.shares for n in world.scenario.spaces[share.area_code]} - ledger
    short = reason == "capacity_exhausted" or (last.status == "completed" and rows < plan.quantity)
    early = short and left and not world.scenario.suppress
    world.expect(not early, "shortfall while numbers are left", submitted, rows, left)


def _check_verdicts(world: World, submitted: events.ValidationSubmitted, last: events.TaskProgress | None) -> None:
    """A validation has judged every number of its task, and says what its verdicts are."""
    if not world.expect(last is not None and last.status != "running", "never terminal", submitted):
        return
    assert last is not None
    if last.status == "completed":
        assert last.validation is not None
        verdicts = [reasons for (task, _), reasons in world.database.judged.items() if task == submitted.task_id]
        stored = {reason: sum(one[reason] for one in verdicts) for reason in ("unassigned_block", "valid")}
        rows = sum(task == submitted.plan.held_task for task, _ in world.database.rows.values())
        exact = last.validation.reasons == stored and last.validation.validated_count == rows
        world.expect(exact, "verdicts not exact", last.validation, stored, rows)

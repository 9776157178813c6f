"""Random walks over the interleavings of the model; a walk that breaks an invariant is shrunk to a short trace."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pyroaring import BitMap

from pipeline.allocate import fact_key
from schemas import codec, events
from tests.model.scenario import Cancel, Generate, Rules, Scenario, Scheduled, Suppress, Validate, readable
from tests.model.world import World

CODES = ("201", "202", "203")
MOST_ACTIONS = 5000
FAULTS = (
    *("crash", "restart", "zombie", "zombie", "lose", "suppress"),
    *("compact", "compact", "forget", "replay"),
)


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
        world.expect(reference == set(world.rows), "same seed, other numbers", reference, set(world.rows))


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
    lost = set(world.rows) - summed - set(drawn)
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
    rows = sum(task == submitted.task_id for task, _ in world.rows.values())
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
        verdicts = [reasons for (task, _), reasons in world.judged.items() if task == submitted.task_id]
        stored = {reason: sum(one[reason] for one in verdicts) for reason in ("unassigned_block", "valid")}
        rows = sum(task == submitted.plan.held_task for task, _ in world.rows.values())
        exact = last.validation.reasons == stored and last.validation.validated_count == rows
        world.expect(exact, "verdicts not exact", last.validation, stored, rows)


def draw_scenario(rng: random.Random) -> Scenario:
    """A small world of one or two tasks that compete for a few numbers."""
    alone = rng.random() < 0.2
    spaces = {code: tuple(range(rng.randint(1, 6))) for code in CODES}
    requests: list[tuple[int, Generate | Cancel | Validate]] = []
    for task in "t" if alone else "tu":
        codes = tuple(rng.sample(CODES, rng.randint(1, 3)))
        first = Generate(task, "a", rng.randint(1, 7), codes, rng.choice(("fail", "partial")))
        if not alone and rng.random() < 0.2:  # refused, and then corrected under the same request_id
            requests.append((0, replace(first, body="broken")))
        requests.append((0, first))
        if rng.random() < 0.4:  # the same request again, or the same request_id with another body
            again = first if alone or rng.random() < 0.5 else replace(first, body="b", quantity=3)
            requests.append((1, again))
    for request in ("c", "d") if rng.random() < 0.2 else ("c",):
        if not alone and rng.random() < 0.5:
            requests.insert(rng.randrange(len(requests) + 1), (1, Cancel("t", request)))
    if not alone and rng.random() < 0.3:
        requests.append((rng.randrange(2), Validate("w", "t")))
    return Scenario(
        spaces,
        tuple(requests),
        None if alone or rng.random() < 0.6 else Suppress("s", "201", spaces["201"][:2]),
        ("t", rng.randrange(3)) if not alone and rng.random() < 0.15 else None,
        None if alone else Generate("v", "a", rng.randint(1, 4), tuple(rng.sample(CODES, 2)), "partial"),
        alone,
    )


def walk(
    rules: Rules,
    scenario: Scenario,
    schedule: Sequence[Scheduled] = (),
    rng: random.Random | None = None,
    faults: int = 0,
) -> tuple[World, list[Scheduled]]:
    """Follow a schedule, then on until nothing is left to do: at random with faults, or without an rng in turn."""
    done = list(schedule)
    with World(rules, scenario) as world:
        for scheduled in done:
            world.do(scheduled)
        while world.expect(len(done) < MOST_ACTIONS, "does not come to rest"):
            if choices := world.runnable():
                scheduled = "run", rng.choice(choices) if rng else choices[0]
            elif world.letters:
                scheduled = "replay", 0
            elif scenario.late and not world.later:
                scheduled, faults = ("later", 0), faults + (rng.randint(0, 3) if rng else 0)
            else:
                break
            if rng and scheduled[0] == "run" and rng.random() < 0.12:
                scheduled = "commit", rng.randrange(len(world.instances))
                if faults and rng.random() < 0.5:
                    faults, scheduled = faults - 1, (rng.choice(FAULTS), scheduled[1])
                if scheduled[0] == "compact":
                    scheduled = "compact", rng.choice(CODES)
                if scheduled[0] == "suppress":
                    readers = tuple(i for i in range(len(world.instances)) if rng.random() < 0.5)
                    scheduled = "suppress", readers
            done.append(scheduled)
            world.do(scheduled)
    return world, done


def explore(
    rules: Rules,
    scenario: Scenario,
    schedule: Sequence[Scheduled] = (),
    rng: random.Random | None = None,
    faults: int = 0,
) -> tuple[World, list[Scheduled]]:
    """A walk and its check; a task that is alone must get the numbers that it gets when nothing goes wrong."""
    reference = set(walk(rules, scenario)[0].rows) if scenario.alone else None
    world, done = walk(rules, scenario, schedule, rng, faults)
    check(world, reference)
    return world, done


def shrink(rules: Rules, scenario: Scenario, schedule: list[Scheduled], kind: str) -> list[Scheduled]:
    """Leave out what the violation does not need: long runs of actions first, single ones last."""
    size = len(schedule) // 2
    while size:
        at = 0
        while at < len(schedule):
            shorter = schedule[:at] + schedule[at + size :]
            if kind in explore(rules, scenario, shorter)[0].found:
                schedule = shorter
            else:
                at += size
        size //= 2
    return schedule


@dataclass
class Findings:
    """What many walks found: how often each kind of violation, the shortest walk to it, what was done."""

    counts: Counter[str] = field(default_factory=Counter)
    shortest: dict[str, tuple[Scenario, list[Scheduled]]] = field(default_factory=dict)
    actions: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)


def search(rules: Rules, seed: int, runs: int, until_found: bool = False) -> Findings:
    """Many walks; with `until_found` no more after the first that breaks an invariant."""
    rng, findings = random.Random(seed), Findings()
    for _ in range(runs):
        scenario = draw_scenario(rng)
        world, schedule = explore(rules, scenario, (), rng, rng.randint(0, 5))
        findings.actions.update(name for name, _ in schedule)
        findings.ends.update(_ends(world))
        for kind in world.found:
            findings.counts[kind] += 1
            known = findings.shortest.get(kind)
            if known is None or len(schedule) < len(known[1]):
                findings.shortest[kind] = scenario, schedule
        if until_found and findings.counts:
            break
    return findings


def _ends(world: World) -> set[str]:
    """Which ends and answers users heard of."""
    found = set()
    for value in world.logs["progress", 0]:
        assert isinstance(value, bytes)
        heard = codec.decode(value)
        if isinstance(heard, events.RequestRejected):
            found.add(heard.code)
        elif isinstance(heard, events.TaskProgress) and heard.status != "running":
            found.add(heard.error.code if heard.error else heard.status)
        elif isinstance(heard, events.TaskProgress):
            found.add(heard.current_step)
    return found


def report(rules: Rules, findings: Findings) -> str:
    """Each kind of violation with a trace that was shrunk; empty if there is none."""
    parts: list[str] = []
    for kind, (scenario, schedule) in findings.shortest.items():
        world, _ = explore(rules, scenario, shrink(rules, scenario, schedule, kind))
        detail, length = world.found[kind]
        lines = [f"## {kind} ({findings.counts[kind]} times): {detail}", f"   scenario: {scenario}"]
        lines += [f"   {_line(action)}" for action in world.trace[:length]]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _line(action: tuple[Any, ...]) -> str:
    return " ".join(str(readable(part)) for part in action)

"""Random walks over the interleavings of the model; a walk that breaks an invariant is shrunk to a short trace."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas import codec, events
from tests.model.invariants import check
from tests.model.processes import Instance
from tests.model.scenario import Cancel, Generate, Rules, Scenario, Scheduled, Suppress, Validate, readable
from tests.model.world import World

CODES = ("201", "202", "203")
MOST_ACTIONS = 5000
FAULTS = (
    *("crash", "restart", "leave", "zombie", "zombie", "lose", "suppress"),
    *("compact", "compact", "forget", "replay"),
)


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
            elif world.operators.letters:
                scheduled = "replay", 0
            elif scenario.late and not world.later:
                scheduled, faults = ("later", 0), faults + (rng.randint(0, 3) if rng else 0)
            else:
                break
            if rng and scheduled[0] == "run" and rng.random() < 0.12:
                name = "commit"
                if faults and rng.random() < 0.5:
                    faults, name = faults - 1, rng.choice(FAULTS)
                scheduled = name, target(world, name, rng)
            done.append(scheduled)
            world.do(scheduled)
    return world, done


def target(world: World, name: str, rng: random.Random) -> Any:
    """What an action is done to: one of those where it has an effect, if there is one."""
    numbers = range(len(world.instances))
    if name == "compact":
        return rng.choice(CODES)
    if name == "suppress":
        return tuple(number for number in numbers if rng.random() < 0.5)
    living = [number for number in numbers if world.instances[number]]
    expiring = [number for number in living if isinstance(x := world.instances[number], Instance) and x.expires]
    return rng.choice(expiring if name == "lose" and expiring else living)


def explore(
    rules: Rules,
    scenario: Scenario,
    schedule: Sequence[Scheduled] = (),
    rng: random.Random | None = None,
    faults: int = 0,
) -> tuple[World, list[Scheduled]]:
    """A walk and its check; a task that is alone must get the numbers that it gets when nothing goes wrong."""
    reference = set(walk(rules, scenario)[0].database.rows) if scenario.alone else None
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

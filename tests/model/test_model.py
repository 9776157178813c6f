"""The delivery protocol under crashes, replays, zombies, lost records, cancels and short batches."""

import multiprocessing
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.model.explore import FAULTS, Findings, report, search, shrink, walk
from tests.model.scenario import Rules
from tests.model.world import World

RULES = [rule.name for rule in fields(Rules)]
ALL = "all"


@pytest.fixture(scope="module")
def searches() -> Iterator[Mapping[str, Future[Findings]]]:
    """What is found with all rules, and without each: searched on all processors while the tests wait in turn."""
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        found = {ALL: pool.submit(search, Rules(), 20, 1_500)}
        for rule in RULES:
            found[rule] = pool.submit(search, replace(Rules(), **{rule: False}), 1, 3_000, until_found=True)
        yield found


def test_no_walk_breaks_an_invariant(searches: Mapping[str, Future[Findings]]) -> None:
    """With all rules in force, whatever goes wrong, every task ends once and with exact counts."""
    findings = searches[ALL].result()
    assert not findings.counts, report(Rules(), findings)
    assert set(findings.actions) == {*FAULTS, "run", "commit", "later"}
    assert set(findings.ends) == {
        "generating",
        "supplementing",
        "validating",
        "closing",
        "completed",
        "cancelled",
        "capacity_exhausted",
        "dead_letter",
        "invalid_request",
        "nothing_held",
        "task_running",
        "request_id_reused",
        "unknown_task",
        "already_cancelled",
        "task_ended",
    }


@pytest.mark.parametrize("rule", RULES)
def test_without_any_one_rule_a_violation_is_found(searches: Mapping[str, Future[Findings]], rule: str) -> None:
    """The explorer is able to find what each rule is there to prevent."""
    assert searches[rule].result().counts, f"{rule} could be taken away unnoticed"


def test_every_rule_has_its_place_in_the_contract() -> None:
    """docs/delivery.md says which of its sentences each rule of the model stands for, and names no other."""
    page = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text()
    table = page.partition("## The rules in the model")[2].partition("\n## ")[0].partition("| --- |")[2]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(RULES)


def test_a_violation_shrinks_to_a_short_walk(searches: Mapping[str, Future[Findings]]) -> None:
    """What is reported is a schedule that still breaks the invariant, and less than half as long."""
    rules = replace(Rules(), drain=False)
    findings = searches["drain"].result()
    (kind, (scenario, schedule)), *_ = findings.shortest.items()
    shorter = shrink(rules, scenario, schedule, kind)
    assert len(shorter) < len(schedule) // 2
    text = report(rules, findings)
    assert text.startswith(f"## {kind} (1 times): ")
    assert "BatchPlanned(task_id=" in text


def test_a_walk_repeats_from_its_schedule(searches: Mapping[str, Future[Findings]]) -> None:
    """The same scenario and schedule give the same world, so a reported trace can be followed."""
    (scenario, schedule), *_ = searches["redrive"].result().shortest.values()

    def again() -> World:
        return walk(Rules(), scenario, schedule)[0]

    first, second = again(), again()
    assert first.trace == second.trace
    assert first.changelogs == second.changelogs

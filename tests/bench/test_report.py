"""Reports hold every figure, judge only what may be judged, and say where rows are missing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.report import account_line, as_json, markdown, row, shown, tables, way_rows, write
from bench.results import Account, Figure, PartResult, Results, Way

KEPT = Figure("task over COPY", "x", (1.5, 1.9, 1.7), goal=2.0)
MISSED = Figure("p95, over a round trip", "x", (15.5, 14.0, 16.0), samples=100, goal=15.0)
INFORMATION = Figure("numbers a second", "/s", (412_345.6,))
PART = PartResult(
    name="million",
    title="1,000,000 numbers",
    method=("Timed from end to end.",),
    figures=(KEPT, MISSED, INFORMATION),
    account=Account(tasks=2, asked=200, reported=200, stored=200),
    seconds=12.4,
)
WAYS = (
    Way("numberline", 1_000, (1.0, 2.0, 4.0), (1_000, 1_000, 1_000), (1_000, 1_000, 1_000)),
    Way("another", 1_000, (20.0, 20.0, 20.0), (1_000, 1_000, 1_000), (990, 1_000, 995)),
)
COMPARED = replace(PART, name="peers", ways=WAYS)
RESULTS = Results({"machine": "one | two"}, scale=1, repeat=3, parts=(PART,))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_234_567.8, "1,234,568"),
        (99.96, "100.0"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.012345, "0.0123"),
        (0.0, "0"),
    ],
)
def test_values_have_about_three_digits(value: float, text: str) -> None:
    """And thousands are set apart."""
    assert shown(value) == text


def test_a_row_says_the_median_the_range_and_whether_the_goal_is_met() -> None:
    """The median is judged, not the worst."""
    assert row(KEPT, judged=True) == ("task over COPY", "1.70 x", "1.50 to 1.90", "3 x", "≤ 2 x", "yes")
    assert row(MISSED, judged=True)[3:] == ("3 x 100", "≤ 15 x", "NO")
    assert row(INFORMATION, judged=True) == ("numbers a second", "412,346 /s", "", "1 x", "", "")


def test_a_run_that_was_cut_short_says_why() -> None:
    """At the top of the page, for what is missing cannot be seen."""
    why = "the part http failed: no answer"
    assert f"**Cut short: {why}**" in markdown(replace(RESULTS, cut_short=why))
    assert "Cut short" not in markdown(RESULTS)


def test_a_median_at_the_goal_meets_it() -> None:
    """At most is at most."""
    assert Figure("", "x", (2.0,), goal=2.0).met
    assert Figure("", "x", (2.1,), goal=2.0).met is False
    assert Figure("", "x", (2.1,)).met is None


def test_a_goal_can_be_a_least() -> None:
    """Then the sign says so, and a median below it misses it."""
    ahead = Figure("another over ours", "x", (19.0, 21.0, 20.0), goal=20.0, at_least=True)
    assert row(ahead, judged=True)[4:] == ("≥ 20 x", "yes")
    assert replace(ahead, values=(19.0,)).met is False


def test_ways_are_compared_with_ours_repetition_by_repetition() -> None:
    """Beside each time: what was asked for, reported and really there."""
    ours, another = way_rows(WAYS)
    assert ours == ("numberline", "1,000", "2.00 s", "1.00 to 4.00", "1.00 x", "1,000", "1,000", "none")
    assert another[:4] == ("another", "1,000", "20.0 s", "20.0 to 20.0")
    assert another[4:] == ("10.0 x", "1,000", "990 to 1,000", "1 %")
    assert "| " + " | ".join(another) + " |" in markdown(replace(RESULTS, parts=(COMPARED,)))


def test_plots_stand_beside_what_they_show() -> None:
    """Those that were drawn, and no other."""
    page = markdown(replace(RESULTS, parts=(PART, COMPARED)), ("goals", "peers"))
    assert page.count(".svg") == 2
    assert page.index("(goals.svg)") < page.index("## million") < page.index("(peers.svg)")


def test_a_scaled_run_judges_nothing() -> None:
    """The goals are for the full sizes."""
    trial = replace(RESULTS, scale=0.5)
    assert row(KEPT, trial.judged)[-1] == "-"
    assert "the goals are not judged" in markdown(trial)
    assert "the goals are not judged" not in markdown(RESULTS)
    assert {figure["met"] for figure in json.loads(as_json(trial))["parts"][0]["figures"]} == {None}


def test_the_page_holds_every_figure_the_method_and_the_machine() -> None:
    """Goals first, then part by part; a pipe does not break a table."""
    page = markdown(RESULTS)
    assert "| machine | one \\| two |" in page
    assert "| million | p95, over a round trip | 15.5 x | 14.0 to 16.0 | 3 x 100 | ≤ 15 x | NO |" in page
    assert "## million: 1,000,000 numbers\n\n- Timed from end to end.\n" in page
    for figure in PART.figures:
        assert "| " + " | ".join(row(figure, judged=True)) + " |" in page
    assert "2 tasks: 200 asked for, 200 reported, 200 in PostgreSQL; equal for each. This part took 12 s." in page


def test_missing_rows_are_named() -> None:
    """By the tasks that lack them."""
    short = replace(PART, account=Account(2, 200, 200, 199, ("0b5e",)))
    assert account_line(short).endswith("199 in PostgreSQL; THESE DIFFER in 1 tasks: 0b5e")
    assert replace(RESULTS, parts=(short,)).disagreeing == ("0b5e",)
    assert not RESULTS.disagreeing


def test_a_part_without_tasks_says_so() -> None:
    """The pure part gives nothing out."""
    assert account_line(replace(PART, account=Account())) == "No task"


def test_the_json_holds_each_repetition(tmp_path: Path) -> None:
    """With what was made of them."""
    page, data, plot = write(RESULTS, tmp_path / "new" / "directory")
    assert page.read_text(encoding="utf-8") == markdown(RESULTS, [plot.stem])
    figure = json.loads(data.read_text(encoding="utf-8"))["parts"][0]["figures"][1]
    assert figure == {
        "name": "p95, over a round trip",
        "unit": "x",
        "values": [15.5, 14.0, 16.0],
        "samples": 100,
        "goal": 15.0,
        "at_least": False,
        "median": 15.5,
        "lowest": 14.0,
        "highest": 16.0,
        "met": False,
    }


def test_the_terminal_shows_what_the_page_shows() -> None:
    """A table a part, its account beneath."""
    console = Console(width=120, record=True, quiet=False, file=None, force_terminal=False)
    with console.capture() as shown_text:
        for table in tables(RESULTS):
            console.print(table)
    text = shown_text.get()
    assert "million: 1,000,000 numbers" in text
    assert "equal for each" in text
    for figure in PART.figures:
        for cell in row(figure, judged=True):
            assert cell in text

"""Results for people and for programs: tables in the terminal, results.md with its plots, results.json."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from bench.plots.write import write_plots
from bench.results import Figure, PartResult, Results, Way
from bench.stats import quotients, spread

MARKDOWN, JSON = "results.md", "results.json"
HEAD = ("figure", "median", "range", "measured", "goal", "met")
WAYS_HEAD = ("way", "asked for", "median", "range", "over ours", "reported", "really there", "missing")


def shown(value: float) -> str:
    """A value with about three digits that count."""
    for least, digits in ((100.0, 0), (10.0, 1), (1.0, 2)):
        if abs(value) >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3g}"


def row(figure: Figure, judged: bool) -> tuple[str, ...]:
    """A figure as the texts under HEAD. judged: whether the sizes are those that the goal is for."""
    spread = figure.spread
    several = len(figure.values) > 1
    sign = "≥" if figure.at_least else "≤"
    goal = "" if figure.goal is None else f"{sign} {figure.goal:g} {figure.unit}"
    met = {None: "", True: "yes", False: "NO"}[figure.met] if judged else ("" if figure.goal is None else "-")
    return (
        figure.name,
        f"{shown(spread.median)} {figure.unit}",
        f"{shown(spread.lowest)} to {shown(spread.highest)}" if several else "",
        f"{len(figure.values)} x {figure.samples:,}" if figure.samples > 1 else f"{len(figure.values)} x",
        goal,
        met,
    )


def tables(results: Results) -> Iterator[Table]:
    """A table a part, for the terminal; before it one of the ways that it compares."""
    for part in results.parts:
        if part.ways:
            compared = Table(
                title=f"[bold]{part.name}[/]: times", title_justify="left", title_style="", expand=True
            )
            for name in WAYS_HEAD:
                compared.add_column(name, justify="left" if name == "way" else "right")
            for cells in way_rows(part.ways):
                compared.add_row(*cells)
            yield compared
        made = Table(
            title=f"[bold]{part.name}[/]: {part.title}",
            caption=account_line(part),
            title_justify="left",
            caption_justify="left",
            title_style="",
            pad_edge=False,
            expand=True,
        )
        for name in HEAD:
            made.add_column(name, justify="left" if name in ("figure", "met") else "right", no_wrap=True)
        for figure in part.figures:
            *rest, met = row(figure, results.judged)
            colour = {"yes": "green", "NO": "red bold"}.get(met)
            made.add_row(*rest, f"[{colour}]{met}[/]" if colour else met)
        yield made


def way_rows(ways: Sequence[Way]) -> Iterator[tuple[str, ...]]:
    """Each way at each size as the texts under WAYS_HEAD. Over ours: median of the repetitions' ratios."""
    ours = {way.asked: way for way in ways if way.name == ways[0].name}
    for way in ways:
        times = spread(way.seconds)
        ratio = spread(quotients(way.seconds, ours[way.asked].seconds)).median
        missing = way.asked - min(way.stored)
        yield (
            way.name,
            f"{way.asked:,}",
            f"{shown(times.median)} s",
            f"{shown(times.lowest)} to {shown(times.highest)}" if len(way.seconds) > 1 else "",
            f"{shown(ratio)} x",
            _counts(way.reported),
            _counts(way.stored),
            f"{missing / way.asked * 100:.2g} %" if missing else "none",
        )


def _counts(counts: Sequence[int]) -> str:
    """What all repetitions had, or from the least to the greatest."""
    least, most = min(counts), max(counts)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def account_line(part: PartResult) -> str:
    """Whether the numbers asked for, reported and stored agree, in a sentence."""
    account = part.account
    if not account.tasks:
        return "No task"
    figures = f"{account.asked:,} asked for, {account.reported:,} reported, {account.stored:,} in PostgreSQL"
    wrong = len(account.disagreeing)
    verdict = f"THESE DIFFER in {wrong} tasks: {', '.join(account.disagreeing)}" if wrong else "equal for each"
    return f"{account.tasks:,} tasks: {figures}; {verdict}"


def markdown(results: Results, plots: Sequence[str] = ()) -> str:
    """Everything, as a page. plots: those that stand beside it, by the part that they belong to."""
    return "\n".join(_lines(results, plots)) + "\n"


def _lines(results: Results, plots: Sequence[str]) -> Iterator[str]:
    yield "# Benchmark results"
    yield ""
    yield "Written by `python -m bench` (`make bench`); do not edit. Each figure and its floor come from one run on"
    yield "one machine, in turns. A goal is a limit for the median. `measured`: repetitions x samples in each."
    yield ""
    if not results.judged:
        yield f"**A trial at {results.scale:g} of the full sizes: the goals are not judged.**"
        yield ""
    if results.cut_short:
        yield f"**Cut short: {results.cut_short}**"
        yield ""
    yield from _table(("what", ""), results.about.items())
    yield "## Goals"
    yield ""
    with_goal = [(part, figure) for part in results.parts for figure in part.figures if figure.goal is not None]
    yield from _table(("part", *HEAD), ((part.name, *row(figure, results.judged)) for part, figure in with_goal))
    yield from _plot("goals", "Each goal and how much of it is taken", plots)
    for part in results.parts:
        yield f"## {part.name}: {part.title}"
        yield ""
        yield from (f"- {sentence}" for sentence in part.method)
        yield ""
        if part.ways:
            yield from _table(WAYS_HEAD, way_rows(part.ways))
        yield from _table(HEAD, (row(figure, results.judged) for figure in part.figures))
        yield from _plot(part.name, f"{part.name}: {part.title}", plots)
        yield f"{account_line(part)}. This part took {part.seconds:.0f} s."
        yield ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _plot(name: str, described: str, plots: Sequence[str]) -> Iterator[str]:
    if name in plots:
        yield f"![{described}]({name}.svg)"
        yield ""


def as_json(results: Results) -> str:
    """Everything, with every repetition's value."""
    found = asdict(results)
    for part, fields in zip(results.parts, found["parts"], strict=True):
        for figure, described in zip(part.figures, fields["figures"], strict=True):
            described |= asdict(figure.spread) | {"met": figure.met if results.judged else None}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def write(results: Results, directory: Path) -> tuple[Path, ...]:
    """Write both files and the plots; where they are.  Raises BenchError."""
    directory.mkdir(parents=True, exist_ok=True)
    page, data = directory / MARKDOWN, directory / JSON
    data.write_text(as_json(results), encoding="utf-8")
    plots = write_plots(data, directory)
    page.write_text(markdown(results, plots), encoding="utf-8")
    return page, data, *(directory / f"{name}.svg" for name in plots)

"""`python -m bench.plots.draw RESULTS.json DIRECTORY` writes an SVG a plot and prints its name; imports no product.

The same results are the same bytes: no date, no random ids, text left to the reader's fonts.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, OURS, THEIRS, MET, MISSED = "#24292f", "#1f6feb", "#8c959f", "#2da44e", "#cf222e"
WIDTH, BAR, MARGIN = 9.0, 0.32, 1.1  # inches
LARGEST = 3.0  # what is further beyond its goal is drawn at the edge

Results = dict[str, Any]
Plot = Callable[[Results], Figure | None]


def goals(results: Results) -> Figure | None:
    """How much of its limit each figure with a goal takes: the median and the range."""
    found = [
        (part["name"], figure)
        for part in results["parts"]
        for figure in part["figures"]
        if figure["goal"] is not None
    ]
    if not found:
        return None
    made = Figure(figsize=(WIDTH, MARGIN + BAR * len(found)), layout="constrained")
    axes = made.add_subplot()
    for row, (_, figure) in enumerate(found):
        median, lowest, highest = (
            min(share(figure, figure[name]), LARGEST) for name in ("median", "lowest", "highest")
        )
        colour = MET if median <= 1 else MISSED
        axes.barh(row, median, color=colour, height=0.7)
        axes.plot(sorted((lowest, highest)), (row, row), color=INK, linewidth=1)
        sign = "≥" if figure["at_least"] else "≤"
        text = f"{figure['median']:.3g} {figure['unit']}  ({sign} {figure['goal']:.3g})"
        axes.text(max(median, lowest, highest) + 0.03, row, text, va="center", fontsize=8)
    axes.axvline(1, color=INK, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(found)), [f"{part}: {figure['name']}" for part, figure in found], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, LARGEST + 0.9)
    axes.set_xlabel("part of the limit that is taken, median and range; at most 1 is met")
    return made


def share(figure: Results, value: float) -> float:
    """How much of its goal a value takes; above 1 it is missed."""
    return float(figure["goal"] / value if figure["at_least"] else value / figure["goal"])


def peers(results: Results) -> Figure | None:
    """Seconds of each way, a panel a size, with the rows that are missing."""
    ways = next((part["ways"] for part in results["parts"] if part["name"] == "peers"), None)
    if not ways:
        return None
    sizes = list(dict.fromkeys(way["asked"] for way in ways))
    names = list(dict.fromkeys(way["name"] for way in ways))
    made = Figure(figsize=(WIDTH, (MARGIN + BAR * len(names)) * len(sizes)), layout="constrained")
    for place, size in enumerate(sizes):
        axes = made.add_subplot(len(sizes), 1, place + 1)
        of_size = {way["name"]: way for way in ways if way["asked"] == size}
        longest = max(max(way["seconds"]) for way in of_size.values())
        for row, name in enumerate(names):
            way = of_size[name]
            seconds = median(way["seconds"])
            axes.barh(row, seconds, color=THEIRS if row else OURS, height=0.7)
            axes.plot((min(way["seconds"]), max(way["seconds"])), (row, row), color=INK, linewidth=1)
            missing = size - min(way["stored"])
            said = f"{seconds:.3g} s" + (f", {missing:,} of {size:,} missing" if missing else "")
            axes.text(max(way["seconds"]) + longest * 0.01, row, said, va="center", fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(0, longest * 1.5)
        axes.set_title(f"{size:,} numbers", loc="left", fontsize=10)
        axes.set_xlabel("seconds from submission to all rows committed: median and range", fontsize=8)
    return made


def median(values: list[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


# by the part that it belongs to; `goals` stands beside the table of goals
PLOTS: dict[str, Plot] = {"goals": goals, "peers": peers}


def draw(results: Results, directory: Path) -> Iterator[str]:
    """Write every plot that the results have the figures for; the names."""
    mpl.rcParams.update({"svg.hashsalt": "numberline", "svg.fonttype": "none", "text.color": INK})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "xtick.labelsize": 8})
    for name, plot in PLOTS.items():
        if (made := plot(results)) is not None:
            made.savefig(directory / f"{name}.svg", format="svg", metadata={"Date": None}, facecolor="white")
            yield name


if __name__ == "__main__":
    for written in draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2])):
        print(written)  # noqa: T201

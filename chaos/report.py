"""What a run found, as a table that names its seed and the command that repeats it."""

import shlex
from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.stats import percentile
from chaos.recovery import Sample, Way
from chaos.suite import RoundResult

HEAD = ("fault", "what was done", "workers", "tasks", "numbers", "s", "repeated", "exact")
TEXTS = ("fault", "what was done", "exact")
SHOWN = 20  # violations: the first ones say what is wrong


def table(results: Sequence[RoundResult]) -> Table:
    """A row a round."""
    made = Table(pad_edge=False)
    for name in HEAD:
        made.add_column(name, justify="left" if name in TEXTS else "right")
    for result in results:
        made.add_row(
            result.round.fault.title(),
            result.done,
            str(result.round.workers),
            str(result.tasks),
            f"{result.numbers:,}",
            f"{result.seconds:.1f}",
            str(result.repeated),
            "[red bold]NO[/]" if result.violations else "[green]yes[/]",
        )
    return made


def verdict(results: Sequence[RoundResult], planned: int) -> str:
    """What the table comes to, in a sentence; and below it every violation."""
    wrong = [violation for result in results for violation in result.violations]
    faults = f"{len(results)} of {planned} faults" if len(results) < planned else f"{len(results)} faults"
    numbers, tasks = sum(result.numbers for result in results), sum(result.tasks for result in results)
    if not wrong:
        again = sum(result.repeated for result in results)
        return (
            f"{faults}, {tasks} tasks, {numbers:,} numbers: nothing lost, nothing twice "
            f"({again} records of batches were sent again and made no difference)."
        )
    return "\n".join([f"{faults}, {len(wrong)} violations:", *(f"  {one}" for one in wrong[:SHOWN])])


def command(seed: int, rounds: int, faults: Sequence[str]) -> str:
    """What runs the same schedule again."""
    chosen = [part for fault in faults for part in ("--fault", fault)]
    return shlex.join(["python", "-m", "chaos", "run", "--seed", str(seed), "--rounds", str(rounds), *chosen])


def recovery_table(samples: Mapping[Way, Sequence[Sample]]) -> Table:
    """A row a way: seconds back to work, and records that were processed again."""
    made = Table(pad_edge=False)
    for name in ("how the worker goes", "samples", "p50", "p95", "slowest", "goal", "met", "replayed records"):
        made.add_column(name, justify="left" if name == "how the worker goes" else "right")
    for way, found in samples.items():
        seconds, again = [sample.seconds for sample in found], [sample.again.total() for sample in found]
        met = percentile(seconds, 95) <= way.goal and (way.replays or not any(again))
        made.add_row(
            way.title,
            str(len(found)),
            *(f"{percentile(seconds, percent):.2f} s" for percent in (50, 95, 100)),
            f"p95 ≤ {way.goal:g} s" + ("" if way.replays else ", no replay"),
            "[green]yes[/]" if met else "[red bold]NO[/]",
            f"{min(again)} to {max(again)}",
        )
    return made

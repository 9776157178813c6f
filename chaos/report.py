"""What a run found, as a table that names its seed and the command that repeats it."""

import shlex
from collections.abc import Sequence

from rich.table import Table

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
    return shlex.join(["python", "-m", "chaos", "--seed", str(seed), "--rounds", str(rounds), *chosen])

"""crowded: small tasks while ten large tasks of another user run at once, against the same on an idle system."""

from bench import goals, small_tasks
from bench.part import Bench, Measured, Part
from bench.sizes import SMALL, Sizes
from numberline.client import Client

USER = "bench-crowded"

METHOD = (
    *small_tasks.METHOD,
    "The large tasks name no area code, so that they are at work in every partition; all are submitted at once.",
)


async def measure(bench: Bench) -> Measured:
    """Idle samples, then samples beside all large tasks; and again."""
    sizes = bench.sizes

    async def large(other: Client) -> None:
        await bench.load.all(other, f"{USER}-large", [sizes.million] * sizes.crowd_tasks)

    idles, loadeds = await small_tasks.idle_and_loaded(bench, USER, [], large)
    return Measured(small_tasks.figures(idles, loadeds, sizes.samples, goals.CROWDED_P95_OVER_IDLE), METHOD)


def _title(sizes: Sizes) -> str:
    return f"{SMALL} numbers while {sizes.crowd_tasks} x {sizes.million:,} are made at once"


PART = Part("crowded", _title, lambda sizes, repeat: small_tasks.steps(sizes.samples, repeat), measure)

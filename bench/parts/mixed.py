"""mixed: small tasks while another user's large task runs, against the same on an idle system."""

from bench import goals, small_tasks
from bench.part import Bench, Measured, Part
from bench.sizes import MILLION_AREA_CODES, SMALL, Sizes
from numberline.client import Client

USER = "bench-mixed"


async def measure(bench: Bench) -> Measured:
    """Idle samples, then samples under load; and again."""

    async def large(other: Client) -> None:
        await bench.load.one(other, f"{USER}-large", bench.sizes.million, MILLION_AREA_CODES)

    idles, loadeds = await small_tasks.idle_and_loaded(bench, USER, list(MILLION_AREA_CODES), large)
    found = small_tasks.figures(idles, loadeds, bench.sizes.samples, goals.LOADED_P95_OVER_IDLE)
    return Measured(found, small_tasks.METHOD)


def _title(sizes: Sizes) -> str:
    return f"{SMALL} numbers while another user's {sizes.million:,} are made"


PART = Part("mixed", _title, lambda sizes, repeat: small_tasks.steps(sizes.samples, repeat), measure)

"""Memory while a version is made: its half a million rows are kept to the end."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is looked for meanwhile: the collector would go through all rows again at each quarter more."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

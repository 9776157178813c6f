"""F16: Faust brings an HTTP client, a parser of cron expressions and one of YAML: a tenth of a worker's start."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# module -> what Faust and mode take from it while they are imported, and then not again: Faust's web server is off,
# nothing runs by a cron expression, and values are bytes
UNUSED = {"aiohttp": (), "aiohttp.client": ("ClientSession",), "croniter": (), "croniter.croniter": ("croniter",)}
OPTIONAL = "yaml"


@contextmanager
def f16_leave_out_what_no_step_uses() -> Iterator[None]:
    """Meanwhile stand-ins take their place; whoever imports one of them later has the real one."""
    stand_ins: dict[str, ModuleType | None] = {OPTIONAL: None}
    for module, names in UNUSED.items():
        stand_in = ModuleType(module, f"Instead of {module}, which no step uses.")
        vars(stand_in).update((name, type(name, (), {})) for name in names)
        stand_ins[module] = stand_in
    stand_ins = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules.update(stand_ins)  # type: ignore[arg-type]  # None: it cannot be imported
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]

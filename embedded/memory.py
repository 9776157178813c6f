"""How much memory there is for the servers: the machine's, or what the container that it is may have."""

import contextlib
import os
from pathlib import Path

# control groups, version 2 and 1; "max", or a number beyond all memory, where there is no limit
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_memory() -> int:
    """In bytes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _LIMITS:
        with contextlib.suppress(OSError, ValueError):
            memory = min(memory, int(limit.read_text()))
    return memory

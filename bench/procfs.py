"""Memory and processor time of another process, as Linux's /proc tells them."""

import os
from dataclasses import dataclass
from pathlib import Path

KIBIBYTE, MEGABYTE = 1024, 10**6


@dataclass(frozen=True)
class Memory:
    """In megabytes (10**6 bytes): resident now, and the most that ever was."""

    resident: float
    peak: float


def available() -> bool:
    """Whether this system has it."""
    return Path("/proc/self/status").exists()


def memory(pid: int) -> Memory:
    """Memory of a process.  Raises OSError where it is gone."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)

    def megabytes(name: str) -> float:
        return int(fields[name].split()[0]) * KIBIBYTE / MEGABYTE

    return Memory(megabytes("VmRSS"), megabytes("VmHWM"))


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, its own code and the kernel's for it.  Raises OSError where it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields[11:13]  # utime and stime, proc(5)
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

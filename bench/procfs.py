"""Memory and processor time of another process, as Linux tells them."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

KIBIBYTE, MEGABYTE = 1024, 10**6
CPUCLOCK_SCHED = 2  # of the clocks that a process has, the one of all its threads in nanoseconds


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
    """Processor time of a process, its own code and the kernel's for it.  Raises OSError where it is gone.

    By the clock of the process (clock_getcpuclockid(3)): /proc counts in hundredths of a second.
    """
    return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)


def tree_cpu_seconds(pid: int) -> float:
    """Processor time of a process, of its children that live, and of those that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    waited_for = sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")  # cutime and cstime
    return cpu_seconds(pid) + waited_for + sum(cpu_seconds(child) for child in _children(pid))


def written_bytes(pid: int) -> int:
    """What a process has written by system calls, to files and to sockets, sendfile(2) included; proc_pid_io(5)."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]

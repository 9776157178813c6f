"""What the tests of servers ask the operating system."""

import contextlib
import ipaddress
import time
from collections.abc import Callable
from pathlib import Path

_LISTEN = "0A"


def wait_until(condition: Callable[[], bool], within_sec: float = 20.0) -> bool:
    """Whether `condition` came true in time."""
    deadline = time.monotonic() + within_sec
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def running(pid: int) -> bool:
    """Whether a process of this id exists and has not ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def listeners(pid: int) -> list[tuple[str, int]]:
    """Addresses and TCP ports, IPv4 and IPv6, on which the process listens."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            sockets.add(str(link.readlink()))
    found = []
    for table in "tcp", "tcp6":
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].split(":")
                found.append((_address(address), int(port, 16)))
    return found


def _address(field: str) -> str:
    """The address in a field of /proc/net/tcp: 32-bit words, each in the machine's (little-endian) order."""
    words = [bytes.fromhex(field[start : start + 8])[::-1] for start in range(0, len(field), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)

"""Processes of numberline as tests start, kill and read them."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from embedded.ports import free_port


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return once the condition holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.05)


def get(url: str) -> str:
    """The body of a 200, else nothing."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


class Process:
    """`numberline COMMAND` with an environment and a metrics port of its own."""

    def __init__(self, command: str, environment: Mapping[str, str], log: Path) -> None:
        self.metrics_port = int(environment.get("NUMBERLINE_METRICS_PORT") or free_port())
        self.log = log
        own = {"NUMBERLINE_METRICS_PORT": str(self.metrics_port)}
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "numberline", command],
                env=os.environ | dict(environment) | own,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def metric(self, line: str) -> float:
        """The value of the sample that begins so, 0 where there is none."""
        for sample in get(f"http://127.0.0.1:{self.metrics_port}/metrics").splitlines():
            if sample.startswith(line + " "):
                return float(sample.rpartition(" ")[2])
        return 0.0

    def wait_ready(self) -> None:
        """Return when a worker has its partitions and tables."""
        wait_until(self._ready_or_gone, 60, "ready worker")
        assert self.alive(), self.log.read_text()[-3000:]

    def _ready_or_gone(self) -> bool:
        return not self.alive() or self.metric("numberline_worker_ready") == 1.0

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and wait for its end; its exit status."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

"""A worker under supervision, and all that can be done to it."""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from chaos.supervised import Supervised
from chaos.waiting import get, wait_until
from embedded.ports import free_port
from pipeline.settings import variable

READY_SECONDS = 60.0


class Worker(Supervised):
    """`numberline worker` as a supervisor runs it: started again when it ends, until `stop` or `kill`."""

    def __init__(
        self, name: str, environment: Mapping[str, str], directory: Path, say: Callable[[str], None]
    ) -> None:
        self._metrics_port = free_port()
        own = {variable("worker_id"): name, variable("metrics_port"): str(self._metrics_port)}
        super().__init__(name, "worker", environment, own, directory, say)

    @property
    def state(self) -> Path:
        """Its state directory."""
        return Path(self._environment[variable("state_dir")]) / "workers" / self.name

    def wait_ready(self) -> None:
        """Return when it has its partitions and tables.  Raises ChaosError."""
        wait_until(lambda: self.metric("numberline_worker_ready") == 1.0, READY_SECONDS, f"ready {self.name}")

    def metric(self, line: str) -> float:
        """The value of the sample that begins so, 0 where there is none."""
        for sample in get(f"http://127.0.0.1:{self._metrics_port}/metrics").splitlines():
            if sample.startswith(line + " "):
                return float(sample.rpartition(" ")[2])
        return 0.0

    def crash(self) -> None:
        """kill -9; its supervisor starts it again."""
        self._signal(signal.SIGKILL)

    def kill(self) -> None:
        """kill -9; it stays away until `start`."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def terminate(self) -> None:
        """SIGTERM, as by someone who does not know of the supervisor: it is started again."""
        self._signal(signal.SIGTERM)

    def become(self, environment: Mapping[str, str]) -> None:
        """SIGTERM, then start it with these variables: another release. Returns when it works."""
        super().become(environment)
        self.wait_ready()

    def missing(self) -> str:
        """What it lacks, as `/readyz` says; nothing where it works or does not answer."""
        return get(f"http://127.0.0.1:{self._metrics_port}/readyz", status=503)

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and does not know."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: a zombie, if its session has expired."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

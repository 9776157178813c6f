"""The gateway under supervision, and another release in its place."""

from collections.abc import Callable, Mapping
from pathlib import Path

from numberline.processes import ManagedProcess
from pipeline.settings import variable


class Gateway:
    """`numberline gateway` as a supervisor runs it: started again when it ends, until `stop`.

    environment: that of the installation. directory: where its log is.
    """

    def __init__(self, environment: Mapping[str, str], directory: Path, say: Callable[[str], None]) -> None:
        self._environment, self._directory, self._say = dict(environment), directory, say
        self._process: ManagedProcess | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is None:
            environment = self._environment | {variable("metrics_port"): "0"}
            log = self._directory / "gateway.log"
            self._process = ManagedProcess("gateway", "gateway", environment, log, self._say)
            self._process.start()

    def stop(self) -> None:
        """SIGTERM; returns when it is gone."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def become(self, environment: Mapping[str, str]) -> None:
        """SIGTERM, then start it with these variables: another release."""
        self.stop()
        self._environment = dict(environment)
        self.start()

"""A process of the installation under supervision, and another release in its place."""

from collections.abc import Callable, Mapping
from pathlib import Path

from numberline.processes import ManagedProcess


class Supervised:
    """`numberline COMMAND` as a supervisor runs it: started again when it ends, until `stop`.

    environment: that of the installation. own: the variables that are this process's alone. directory: where its
    log is.
    """

    def __init__(
        self,
        name: str,
        command: str,
        environment: Mapping[str, str],
        own: Mapping[str, str],
        directory: Path,
        say: Callable[[str], None],
    ) -> None:
        self.name, self._command = name, command
        self._environment, self._own = dict(environment), dict(own)
        self._directory, self._say = directory, say
        self._process: ManagedProcess | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, unless it runs; returns at once."""
        if self._process is None:
            log = self._directory / f"{self.name}.log"
            environment = self._environment | self._own
            self._process = ManagedProcess(self.name, self._command, environment, log, self._say)
            self._process.start()

    def stop(self) -> None:
        """SIGTERM; returns when it is gone, and it stays away until `start`."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def become(self, environment: Mapping[str, str]) -> None:
        """SIGTERM, then start it with these variables: another release."""
        self.stop()
        self._environment = dict(environment)
        self.start()

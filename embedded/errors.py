"""Everything that can go wrong with an embedded server; each message says what to do.

EmbeddedError
├── DirectoryInUseError       another run has this directory
├── PortTakenError            the port cannot be listened on
├── ProgramMissingError       no Java, or no PostgreSQL, on this machine
├── NoAccountError            PostgreSQL would have to run as root, which it refuses
├── NoHomeError               there is no place for the broker's jars
├── RegistryUnreachableError  the broker's jars cannot be downloaded
├── JarRefusedError           a downloaded jar is not the one that kafka.lock names
└── StartFailedError          the server ended, or was not ready in time
"""

from pathlib import Path


class EmbeddedError(Exception):
    """An embedded server cannot be had; `str()` is a sentence for the person who started it."""


class DirectoryInUseError(EmbeddedError):
    """Another run, of process `pid` where that is known, holds `directory`."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        super().__init__(directory, pid)
        self.directory = directory
        self.pid = pid

    def __str__(self) -> str:
        holder = f"process {self.pid}" if self.pid else "another run"
        return f"{self.directory} is in use by {holder}: stop that one, or give this run another state directory"


class PortTakenError(EmbeddedError):
    """`port` of the loopback address cannot be listened on, because of `reason`."""

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(port, reason)
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"port {self.port} of 127.0.0.1 cannot be used ({self.reason}): "
            "stop the program that listens there, or choose another port"
        )


class ProgramMissingError(EmbeddedError):
    """A program that the server needs is not installed, or too old."""


class NoAccountError(EmbeddedError):
    """PostgreSQL refuses root, and there is no other account to run it under."""


class NoHomeError(EmbeddedError):
    """The broker's jars are kept in the user's home directory, and there is none."""


class RegistryUnreachableError(EmbeddedError):
    """The registry did not answer with `jar`, because of `reason`; `cache` is where jars are looked for."""

    def __init__(self, jar: str, registry: str, cache: Path, reason: str) -> None:
        super().__init__(jar, registry, cache, reason)
        self.jar = jar
        self.registry = registry
        self.cache = cache
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.jar} cannot be downloaded from {self.registry} ({self.reason}): "
            "check the network and HTTPS_PROXY (where that has a certificate of its own, REQUESTS_CA_BUNDLE), "
            f"or copy the jars from a machine that has them into {self.cache}"
        )


class JarRefusedError(EmbeddedError):
    """What the registry sent for `jar` has the SHA-256 `found`, not `expected` (both hexadecimal)."""

    def __init__(self, jar: str, expected: str, found: str) -> None:
        super().__init__(jar, expected, found)
        self.jar = jar
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return (
            f"{self.jar} was refused: its SHA-256 is {self.found}, kafka.lock says {self.expected}; "
            "something between here and the registry changes files"
        )


class StartFailedError(EmbeddedError):
    """`server` did not start, because of `reason`; `tail` has the last lines of its log at `log`."""

    def __init__(self, server: str, reason: str, log: Path, tail: str) -> None:
        super().__init__(server, reason, log, tail)
        self.server = server
        self.reason = reason
        self.log = log
        self.tail = tail

    def __str__(self) -> str:
        return f"{self.server} did not start ({self.reason}); the end of {self.log}:\n{self.tail}"

"""Errors of the commands and the client; data in fields, the sentence in ``__str__``.

NumberlineError (pipeline.errors)
├── NotReachable        a server of the installation cannot be talked to
├── TaskFailed          a task ended without all its numbers
└── RequestRefused      a request was answered with an error
"""

from dataclasses import dataclass
from typing import Any

from pipeline.errors import NumberlineError


@dataclass
class NotReachable(NumberlineError):
    """What cannot be reached, why, and what to do."""

    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} cannot be reached: {self.why}\n{self.remedy}"


@dataclass
class TaskFailed(NumberlineError):
    """A task that ended without all its numbers."""

    task_id: str
    status: str
    message: str

    def __str__(self) -> str:
        return f"task {self.task_id} {self.status}: {self.message}"


@dataclass
class RequestRefused(NumberlineError):
    """A request that was answered with an error."""

    code: str
    message: str
    details: Any = None

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"

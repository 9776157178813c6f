"""Errors of the commands and the client; data in fields, the sentence in ``__str__``.

NumberlineError (pipeline.errors)
├── NotReachable        a server of the installation cannot be talked to
├── TaskFailed          a task ended without all its numbers
├── RequestRefused      a request was answered with an error
├── NumbersInvalid      a file or a list of numbers cannot be taken; nothing was changed
├── WorkersRunning      what is to be done needs all workers stopped
├── ImportRefused       a prefix file is broken or does not fit; the data stays as it was
├── VersionUnknown      there is no such version of the prefix data
└── ListUnreadable      a list to be judged cannot be read, or its result not written
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from pipeline.errors import NumberlineError

UP = "Start everything with `numberline up`, then `source .numberline/env`; or set {} yourself."


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


@dataclass(frozen=True)
class InvalidLine:
    """A line that is no number of the NANP, and the rule that it breaks."""

    line: int
    text: str
    rule: str


@dataclass
class NumbersInvalid(NumberlineError):
    """Numbers that cannot be taken. invalid: of all the invalid lines, the first ones."""

    SHOWN: ClassVar[int] = 20

    source: str
    reason: str
    count: int = 0
    invalid: tuple[InvalidLine, ...] = ()

    def __str__(self) -> str:
        shown = [f"  line {one.line}: {one.text[:60]!r} {one.rule}" for one in self.invalid]
        if (more := self.count - len(self.invalid)) > 0:
            shown.append(f"  and {more:,} more")
        remedy = ["Nothing was changed. Mend them, or leave them out with --skip-invalid."] if self.count else []
        return "\n".join([f"{self.source} {self.reason}", *shown, *remedy])


@dataclass
class WorkersRunning(NumberlineError):
    """Workers that would work on with what is about to be changed."""

    count: int

    def __str__(self) -> str:
        return f"{self.count} workers are running: stop them all, then do this again"


@dataclass
class ImportRefused(NumberlineError):
    """A prefix file that is not imported: which, what is wrong with it, and what to do."""

    file: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}\n{self.remedy}".rstrip() + "\nNothing was changed."


@dataclass
class VersionUnknown(NumberlineError):
    """A version of the prefix data that is not there. known: those that are."""

    version: int
    known: list[int]

    def __str__(self) -> str:
        there = ", ".join(map(str, self.known)) or "none"
        return f"there is no version {self.version} of the prefix data; there are: {there}"


@dataclass
class ListUnreadable(NumberlineError):
    """A list that cannot be read or written, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"

"""The one tree of errors. Data in fields, the sentence in ``__str__``.

NumberlineError
├── SettingsInvalid        an environment variable has a value that it does not accept
├── NeedsPerson            the process ends with 2 and is not to be restarted
│   ├── RefusedToStart     what is found does not fit this process; a person must decide
│   ├── DatabaseRefuses    PostgreSQL lacks a table or does not allow what a step does
│   └── TooManyDeadLetters a worker would drain a topic into the dead letters
├── ListInvalid            a list to be judged is not what its format asks for
├── NotAuthenticated       a token that proves nothing
│   └── UnknownKey         newer keys of the identity provider may verify it
├── Unavailable            a deadline passed or a server failed: the process ends with 1 and is restarted
└── RecordError            a property of one record: it goes to the dead letters at once
    ├── Unreadable         its bytes are no event of this topic
    ├── StepFailed         a pure function raised on it
    └── BatchImpossible    its batch cannot go on, and its task is told so
(RequestInvalid and CodecError belong to the layer below, in schemas. Beside what they are about: KeysUnreadable in
pipeline.keys, FeedBroken in gateway.feed, Problem in gateway.api.problems, ApiError in numberline.api.calls; what
only the commands raise is in numberline.errors)
"""

from dataclasses import dataclass


class NumberlineError(Exception):
    """Whatever numberline itself raises."""


@dataclass
class SettingsInvalid(NumberlineError):
    """problems: variable -> what it accepts."""

    problems: dict[str, str]

    def __str__(self) -> str:
        return "\n".join(f"{variable} {problem}" for variable, problem in self.problems.items())


@dataclass
class NeedsPerson(NumberlineError):
    """What was found, and what to do about it: starting the process again would change nothing."""

    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found}\n{self.remedy}"


class RefusedToStart(NeedsPerson):
    """Found before the process began its work."""


class DatabaseRefuses(NeedsPerson):
    """PostgreSQL refused, and will refuse again: a table or column is missing, or a right."""


class TooManyDeadLetters(NeedsPerson):
    """Found while records failed one after the other."""


@dataclass
class ListInvalid(NumberlineError):
    """A list that cannot be cut into records, or has no numbers where they are looked for."""

    reason: str

    def __str__(self) -> str:
        # what it quotes of the list may hold bytes that are no UTF-8
        return self.reason.encode("utf-8", "backslashreplace").decode()


@dataclass
class Unavailable(NumberlineError):
    """A wait that passed its deadline; 0 for what waiting alone does not bring."""

    awaited: str
    deadline_seconds: float

    def __str__(self) -> str:
        within = f" within {self.deadline_seconds:g} s" if self.deadline_seconds else ""
        return f"no {self.awaited}{within}"


class RecordError(NumberlineError):
    """A property of one record."""


@dataclass
class Unreadable(RecordError):
    """Bytes that are no event of the topic."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass
class StepFailed(RecordError):
    """A pure function raised on this record."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass
class BatchImpossible(RecordError):
    """A batch that cannot go on. code: prefix_version_gone, ledger_conflict, ..."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass
class NotAuthenticated(NumberlineError):
    """A token that proves nothing. The reason never holds the token."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class UnknownKey(NotAuthenticated):
    """The identity provider's keys, as they are known, have none for this token: newer ones may."""

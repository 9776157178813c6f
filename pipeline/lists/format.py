"""What a format of lists can do, and the columns that a verdict adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.notation import NOT_A_NUMBER, parse

COLUMNS = (
    *("e164", "is_valid", "validation_reason", "carrier", "line_type", "state", "country", "timezone"),
    *("block", "prefix_data_version", "rate_center", "validation_source", "validated_at"),
)
NAMES = (  # of a column that holds numbers, the surest first
    *("phone_number", "phone number", "phonenumber", "phone", "telephone_number", "telephone number", "telephone"),
    *("tel", "mobile", "cell", "msisdn", "e164", "number"),
)
SAMPLE = 200  # records by which a column is found


@dataclass(frozen=True)
class Records:
    """Some records as they were read, and the number of each as text."""

    raw: list[str]
    numbers: list[str]


@dataclass(frozen=True)
class Origin:
    """What a list is judged by, and when (RFC 3339)."""

    version: str
    judged_at: str

    @property
    def texts(self) -> tuple[str, str, str]:
        """prefix_data_version, validation_source and validated_at."""
        return self.version, "internal", self.judged_at


@dataclass(frozen=True)
class Tail:
    """What a verdict adds to a record around its block: equal for all numbers of one reason and holder."""

    before: str
    after: str


class Format(Protocol):
    """How records are read and written; one object a list, for records may go over the blocks that are read."""

    header: str

    def read(self, lines: list[str]) -> Records:
        """The records that end in these lines.  Raises ListInvalid."""

    def end(self) -> None:
        """Raises ListInvalid where a record has begun and not ended."""

    def tail(self, reason: str, texts: Sequence[str], origin: Origin) -> Tail:
        """texts: carrier, line type, state, country, time zone and rate centre, empty where not known."""

    def write(self, records: Records, e164: list[str], tails: list[Tail]) -> str:
        """The records with their columns, as lines. e164: empty of what is no number."""


def is_number(text: str) -> bool:
    """Whether a field holds a telephone number, of whatever country."""
    return parse(text) != NOT_A_NUMBER

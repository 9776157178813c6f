"""Positions: a record of the progress topic, as clients hand it back. Opaque to them."""

import re
import zlib
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"([0-9]{1,4})-([0-9]{1,18}|-1)-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Position:
    """A record. check: CRC-32 of its value, for offsets begin anew where a topic is made again.

    offset -1: before the first record.
    """

    partition: int
    offset: int
    check: int

    def __str__(self) -> str:
        return f"{self.partition}-{self.offset}-{self.check:08x}"

    @classmethod
    def of(cls, partition: int, offset: int, value: bytes | None) -> Self:
        """Of a record with this value."""
        return cls(partition, offset, zlib.crc32(value or b""))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The position that a client hands back; None where no gateway can have given it."""
        match = _FORM.fullmatch(text)
        return cls(int(match[1]), int(match[2]), int(match[3], 16)) if match else None

"""What a line of a prefix file says, and the rules of its fields, which all formats share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.prefix_build import block_bits
from schemas.requests import LINE_TYPES

ALL_BLOCKS = 0b11_1111_1111
MOST_CHARACTERS = 200  # of a name

_AREA_CODE = re.compile(r"[2-9]\d\d", re.ASCII)
_EXCHANGE = re.compile(r"[2-9]\d\d", re.ASCII)
_BOTH = re.compile(r"([2-9]\d\d)-?([2-9]\d\d)", re.ASCII)
_DIGITS = re.compile(r"\d{1,10}", re.ASCII)


class LineRejected(ValueError):
    """A line that breaks a rule; the text names the column and the rule."""


class Claim(NamedTuple):
    """A company holds blocks of an exchange (blocks: bit d, the thousands block d).

    What the file does not say is empty. state may be a territory's, as the official files have it.
    """

    area_code: str
    nxx: int
    blocks: int
    carrier: str
    country: str = ""
    state: str = ""
    timezone: str = ""
    line_type: str = ""
    rate_center: str = ""


class NotHeld(NamedTuple):
    """Blocks that the file has and no company holds. status: why, in the file's words."""

    area_code: str
    nxx: int
    blocks: int
    status: str


Line = Claim | NotHeld


@dataclass(frozen=True)
class Format:
    """A format of prefix files.

    columns: its header. levels: 0, what the file says of whole exchanges; 1, of single blocks, which goes before.
    Two files that speak at the same level must not claim the same block.
    optional: how many of the last columns may be missing in a line. parse: raises LineRejected.
    """

    name: str
    delimiter: str
    encodings: tuple[str, ...]
    columns: tuple[str, ...]
    levels: tuple[int, ...]
    parse: Callable[[list[str]], Line]
    optional: int = 0
    quoted: bool = True


# the official files are in one of these; text that is not ASCII and yet valid UTF-8 is UTF-8
OFFICIAL_ENCODINGS = ("utf-8", "cp1252", "latin-1")


def area_code(column: str, text: str) -> str:
    """An area code as it stands in a column."""
    if not _AREA_CODE.fullmatch(text):
        raise LineRejected(f'{column} must be three digits, the first 2 to 9; it is "{shown(text)}"')
    return text


def exchange(column: str, text: str) -> int:
    """A central office code as it stands in a column."""
    if not _EXCHANGE.fullmatch(text):
        raise LineRejected(f'{column} must be three digits, the first 2 to 9; it is "{shown(text)}"')
    return int(text)


def area_code_and_exchange(column: str, text: str) -> tuple[str, int]:
    """Both in one cell: 212-555, 212555."""
    found = _BOTH.fullmatch(text)
    if found is None:
        raise LineRejected(f'{column} must be an area code and an exchange, such as 212-664; it is "{shown(text)}"')
    return found[1], int(found[2])


def blocks(column: str, text: str) -> int:
    """Thousands digits, such as 0347, as bits."""
    if not _DIGITS.fullmatch(text) or len(set(text)) < len(text):
        raise LineRejected(f'{column} must be thousands digits, each once, such as 0347; it is "{shown(text)}"')
    return block_bits(text)


def name(column: str, text: str) -> str:
    """A name that must be there."""
    if not text:
        raise LineRejected(f"{column} is empty")
    return optional_name(column, text)


def optional_name(column: str, text: str) -> str:
    """A name that may be missing."""
    if len(text) > MOST_CHARACTERS:
        raise LineRejected(f"{column} must be at most {MOST_CHARACTERS} characters; it has {len(text)}")
    if not text.isprintable():
        raise LineRejected(f'{column} must not have control characters; it is "{shown(text)}"')
    return text


def letters(column: str, text: str) -> str:
    """A state or country of two letters, which may be missing."""
    if text and not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise LineRejected(f'{column} must be two letters or empty; it is "{shown(text)}"')
    return text.upper()


def line_type(column: str, text: str) -> str:
    """A line type, which may be missing."""
    if text and text.lower() not in LINE_TYPES:
        raise LineRejected(f'{column} must be one of {", ".join(LINE_TYPES)}, or empty; it is "{shown(text)}"')
    return text.lower()


def shown(text: str) -> str:
    """A cell as an error message shows it."""
    return "".join(c if c.isprintable() else "?" for c in text[:40]) + ("..." if len(text) > 40 else "")

"""Reads a file of numbers, one a line in any usual notation, plain or gzip: streaming, each bad line named."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from numberline.errors import InvalidLine, NumbersInvalid
from pipeline.notation import parse
from pipeline.number_list import NumberList, broken_rule

CHUNK_BYTES = 1 << 20
LONGEST_LINE = 1 << 10
MOST_INVALID = 10_000  # beyond it the file is no list of numbers, and reading on would tell nothing more
GZIP = b"\x1f\x8b"


def read_numbers(path: Path, skip_invalid: bool, on_read: Callable[[int], None]) -> tuple[NumberList, int]:
    """The numbers of a file, and how many lines were left out as invalid.

    on_read: told how many bytes of the file were read on, every MiB or so; may not raise.
    Raises NumbersInvalid for a file that cannot be read, for one without numbers, and, unless skip_invalid is
    set, for any invalid line.
    """
    numbers, invalid, count, lines = NumberList(), list[InvalidLine](), 0, 0
    try:
        with path.open("rb") as raw:
            for lines, line in enumerate(_lines(raw, on_read), 1):
                if not line:
                    continue
                national = parse(line)
                if (rule := broken_rule(line, national)) is None:
                    numbers.add(national)
                    continue
                count += 1
                if len(invalid) < NumbersInvalid.SHOWN:
                    invalid.append(InvalidLine(lines, line, rule))
                if count >= MOST_INVALID and not len(numbers):
                    break
    except (OSError, EOFError, zlib.error) as error:
        reason = "the gzip data ends too early" if isinstance(error, EOFError) else str(error)
        reason = (error.strerror if isinstance(error, OSError) else None) or reason
        raise NumbersInvalid(path.name, f"cannot be read: {reason}") from None
    if not len(numbers):
        raise NumbersInvalid(path.name, "holds no numbers" if lines else "is empty", count, tuple(invalid))
    if count and not skip_invalid:
        rule = f"has {count:,} lines of {lines:,} that are no NANP numbers"
        raise NumbersInvalid(path.name, rule, count, tuple(invalid))
    return numbers, count


def _lines(raw: BinaryIO, on_read: Callable[[int], None]) -> Iterator[str]:
    """Lines without their ends; of one that is too long, its beginning, which is no number."""
    compressed = raw.read(2) == GZIP
    raw.seek(0)
    file = gzip.GzipFile(fileobj=raw) if compressed else raw
    rest, told = b"", 0
    while chunk := file.read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        rest = rest[:LONGEST_LINE]
        yield from (_text(line) for line in whole)
        on_read(raw.tell() - told)
        told = raw.tell()
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line[:LONGEST_LINE].decode("utf-8-sig", "replace").strip().strip('"')

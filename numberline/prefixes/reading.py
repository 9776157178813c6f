"""A prefix file as lines of text: plain, gzip or zip, read as a stream, with the format that its header says."""

import contextlib
import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

from numberline.errors import ImportRefused
from pipeline.prefix_files import mapped
from pipeline.prefix_files.lines import Format, LineRejected
from pipeline.prefix_files.recognise import HeaderUnknown, cells_of, recognise, updated

MOST_BYTES = 4 << 30  # of a file when decompressed: a small archive can hold endless zeros
MOST_LINE_BYTES = 64 << 10

FORMATS = "numberline reads the public files of NANPA and CNAC, its own CSV, and any CSV whose columns --map names."
DOWNLOAD = "Download the file anew."

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Mapping:
    """`--map`: field -> column; encoding: of the file."""

    columns: dict[str, str]
    encoding: str = "utf-8"


@dataclass(frozen=True)
class PrefixFile:
    """An open prefix file. as_of: its date, where the header has it. lines: number and cells of each line, or why
    it cannot be read as cells; numbers count from 1, the header's."""

    path: Path
    format: Format
    as_of: date | None
    lines: Iterator[tuple[int, list[str] | LineRejected]]


@contextlib.contextmanager
def opened(path: Path, mapping: Mapping | None, advance: Advance) -> Iterator[PrefixFile]:
    """An open prefix file; advance: told how many bytes of it were read.  Raises ImportRefused, then and while
    its lines are read."""
    with _refusing(path), _decompressed(path, advance) as stream:
        first = stream.readline(MOST_LINE_BYTES + 1)
        header = _header(path, first, mapping.encoding if mapping else "utf-8")
        try:
            found, as_of = _mapped(header, mapping) if mapping else recognise(header)
        except (HeaderUnknown, ValueError) as error:
            remedy = "" if mapping else FORMATS
            raise ImportRefused(path.name, str(error), remedy) from None
        yield PrefixFile(path, found, as_of, _lines(path, stream, found))


def _header(path: Path, first: bytes, encoding: str) -> str:
    if not first.strip():
        raise ImportRefused(path.name, "the file is empty", DOWNLOAD)
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ImportRefused(path.name, "the file is UTF-16", "Save it as UTF-8.")
    if first[:5] == b"%PDF-" or b"\0" in first or len(first) > MOST_LINE_BYTES:
        raise ImportRefused(path.name, "this is no text file", FORMATS)
    try:
        return first.decode("utf-8-sig" if encoding == "utf-8" else encoding).rstrip("\r\n")
    except UnicodeDecodeError:
        return first.decode("latin-1").rstrip("\r\n")


def _mapped(header: str, mapping: Mapping) -> tuple[Format, date | None]:
    delimiter = mapped.delimiter_of(header)
    columns = cells_of(header, delimiter)
    return mapped.mapped_format(columns, delimiter, mapping.columns, mapping.encoding), updated(header)


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file or its compression, in one sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        what = "is cut off" if isinstance(error, EOFError) else f"is broken: {error}"
        raise ImportRefused(path.name, f"the compressed file {what}", DOWNLOAD) from None
    except OSError as error:
        raise ImportRefused(str(path), f"cannot be read: {error.strerror or error}", "") from None


class _Counted(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, advance: Advance) -> None:
        super().__init__(path)
        self._advance = advance

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        count = super().readinto(buffer) or 0
        self._advance(count)
        return count


@contextlib.contextmanager
def _decompressed(path: Path, advance: Advance) -> Iterator[BinaryIO]:
    with _Counted(path, advance) as raw, io.BufferedReader(raw) as file:
        start = file.peek(4)[:4]
        if start[:2] == b"\x1f\x8b":
            with gzip.open(file) as stream:
                yield stream  # type: ignore[misc]
        elif start in (b"PK\x03\x04", b"PK\x05\x06"):
            with zipfile.ZipFile(file) as archive, archive.open(_only_member(path, archive)) as stream:
                yield stream  # type: ignore[misc]
        else:
            yield file


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    names = [one.filename for one in members]
    if "[Content_Types].xml" in names:
        raise ImportRefused(path.name, "this is an office document", "Save it as CSV.")
    if len(members) != 1:
        found = f"holds {len(members)} files: {', '.join(names[:5])}" if names else "is empty"
        raise ImportRefused(path.name, f"the zip file {found}", "Unpack it, and name the prefix files one by one.")
    if members[0].flag_bits & 1:
        raise ImportRefused(path.name, "the zip file is encrypted", "Unpack it first.")
    return members[0]


def _lines(path: Path, stream: BinaryIO, found: Format) -> Iterator[tuple[int, list[str] | LineRejected]]:
    fewest, most = len(found.columns) - found.optional, len(found.columns)
    read, number = 0, 1
    while line := stream.readline(MOST_LINE_BYTES + 1):
        number += 1
        read += len(line)
        if len(line) > MOST_LINE_BYTES:
            raise ImportRefused(path.name, f"line {number} has more than {MOST_LINE_BYTES} bytes", FORMATS)
        if read > MOST_BYTES:
            raise ImportRefused(path.name, f"the file has more than {MOST_BYTES:,} bytes", FORMATS)
        if b"\0" in line:
            raise ImportRefused(path.name, f"line {number} has NUL bytes: this is no text file", DOWNLOAD)
        text = _decoded(path, number, line, found).strip("\r\n")
        if not text.strip():
            continue
        try:
            cells = split(text, found)
            if (not fewest <= len(cells) <= most and any(cells[most:])) or len(cells) < fewest:
                raise LineRejected(f"has {len(cells)} columns and must have {most}")
        except LineRejected as rejected:
            yield number, rejected
        else:
            yield number, cells


def _decoded(path: Path, number: int, line: bytes, found: Format) -> str:
    for encoding in found.encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return line.decode(encoding)
    remedy = "Save it as UTF-8." if found.name != mapped.NAME else "Name its encoding with --encoding."
    raise ImportRefused(path.name, f"line {number} is not {found.encodings[-1].upper()}", remedy)


def split(text: str, found: Format) -> list[str]:
    """The cells of a line, without spaces around them.  Raises LineRejected for a quote that is not closed."""
    if not found.quoted or '"' not in text:
        return [cell.strip().strip('"').strip() for cell in text.split(found.delimiter)]
    try:
        (cells,) = csv.reader([text], delimiter=found.delimiter, strict=True)
    except csv.Error as error:
        raise LineRejected(f"cannot be read as CSV: {error}") from None
    return [cell.strip() for cell in cells]

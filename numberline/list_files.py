"""Judges a file or standard input: read and written a block at a time, whole or not at all."""

import gzip
import io
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

from numberline.errors import ListUnreadable
from pipeline.errors import ListInvalid
from pipeline.holders import Holders
from pipeline.lists.judge import Kind, ListJudge
from pipeline.suppress import SuppressedNumbers
from pipeline.views import rfc3339

READ_BYTES = 1 << 20
GZIP = b"\x1f\x8b"
STANDARD = "-"


class Source:
    """A file, or standard input for `-`, unpacked where it is gzip. size: bytes, None where not known."""

    def __init__(self, name: str) -> None:
        """Open it.  Raises ListUnreadable."""
        self.name = "standard input" if name == STANDARD else name
        try:
            self._file: IO[bytes] = sys.stdin.buffer if name == STANDARD else Path(name).open("rb")  # noqa: SIM115
            self.size = None if name == STANDARD else Path(name).stat().st_size
        except OSError as error:
            raise ListUnreadable(name, error.strerror or str(error)) from None
        self._counted = _Counted(self._file)
        buffered = io.BufferedReader(self._counted, READ_BYTES)
        try:
            packed = buffered.peek(2)[:2] == GZIP
        except OSError as error:
            raise ListUnreadable(name, error.strerror or str(error)) from None
        self._bytes = cast(IO[bytes], gzip.GzipFile(fileobj=buffered) if packed else buffered)

    @property
    def position(self) -> int:
        """Bytes that have been read, packed ones where it is packed."""
        return self._counted.count

    def blocks(self) -> Iterator[bytes]:
        """All of it.  Raises ListUnreadable."""
        try:
            while block := self._bytes.read(READ_BYTES):
                yield block
        except (OSError, EOFError, zlib.error) as error:
            raise ListUnreadable(self.name, f"it cannot be read to its end: {error}") from None

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._file is not sys.stdin.buffer:
            self._file.close()


class _Counted(io.RawIOBase):
    """A raw stream that counts what was read of it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self.count = raw, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)


def judge_file(
    source: Source,
    holders: Holders,
    suppressed: SuppressedNumbers,
    out: str | None,
    kind: Kind | None,
    column: str | None,
    each: Callable[[], None],
) -> Counter[str]:
    """Reason -> how many. out: where the records go with their verdicts, `-` standard output, None nowhere.

    each: called after a block. Raises ListUnreadable; then no file `out` was written.
    """
    judge = ListJudge(holders, suppressed, rfc3339(time.time_ns() // 1_000_000), kind, column)
    with _target(out) as write:
        try:
            for block in source.blocks():
                write(judge.feed(block))
                each()
            write(judge.end())
        except ListInvalid as error:
            raise ListUnreadable(source.name, str(error)) from None
    return judge.counts


@contextmanager
def _target(out: str | None) -> Iterator[Callable[[str], object]]:
    """Something to write to; a file takes its name when it is whole."""
    if out is None:
        yield lambda text: None
    elif out == STANDARD:
        cast(io.TextIOWrapper, sys.stdout).reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
        yield sys.stdout.write
        sys.stdout.flush()
    elif (path := Path(out)).exists() and not path.is_file():
        # a device or a pipe: written to as it is, for a file in its place would be the end of it
        with _written(path), _text_file(path) as file:
            yield file.write
    else:
        part = Path(f"{out}.part")
        try:
            with _written(path):
                with _text_file(part) as file:
                    yield file.write
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Within, an error of writing is raised as ListUnreadable."""
    try:
        yield
    except OSError as error:
        raise ListUnreadable(str(path), f"it cannot be written: {error.strerror or error}") from None


def _text_file(path: Path) -> TextIO:
    with _written(path):
        return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")

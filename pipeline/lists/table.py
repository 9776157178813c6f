"""CSV, and text as the simplest case of it. A record is written as it was read, with columns added."""

import csv
import io
from collections.abc import Sequence

from pipeline.errors import ListInvalid
from pipeline.lists.format import COLUMNS, NAMES, SAMPLE, Origin, Records, Tail, is_number

DELIMITERS = ",;\t|"
MAX_RECORD_CHARACTERS = 1 << 20


class Table:
    """A table with quotes, and line ends within them, as RFC 4180 has them; any of DELIMITERS.

    column: the name of the one that holds the numbers, or its place from 1 on; without, the one with a name of
    NAMES, else the one with the most numbers in the first records.
    """

    def __init__(self, first: list[str], column: str | None) -> None:
        """first: the first lines of the list.  Raises ListInvalid."""
        self._begun, self._characters = list[str](), 0  # lines of a record that has not ended, and their length
        self._delimiter = max(DELIMITERS, key=first[0].count) if first else ","
        sample = self._records(first[:SAMPLE])
        sample, self._begun, self._characters = sample or ["\n".join(self._begun)], [], 0
        rows = [self._fields(record) for record in sample]
        self._column, self._titled = _column(rows, column)
        self._width = len(rows[0])
        given = rows[0] if self._titled else [f"column_{place}" for place in range(1, self._width + 1)]
        taken = {title.strip().casefold() for title in given}
        added = [f"validated_{title}" if title in taken else title for title in COLUMNS]
        shown = sample[0] if self._titled else self._delimiter.join(given)
        self.header = self._delimiter.join((shown, *added)) + "\n"

    def read(self, lines: list[str]) -> Records:
        """A record may go over several lines; one with too few fields is made up with empty ones."""
        raw = self._records(lines)
        if self._titled and raw:
            raw, self._titled = raw[1:], False
        rows = [self._fields(record) for record in raw]
        column, width = self._column, self._width
        for at, row in enumerate(rows):
            if len(row) < width:
                raw[at] += self._delimiter * (width - len(row))
        return Records(raw, [row[column] if column < len(row) else "" for row in rows])

    def end(self) -> None:
        """Every field in quotes has ended."""
        if self._begun:
            raise self._without_end()

    def tail(self, reason: str, texts: Sequence[str], origin: Origin) -> Tail:
        """Fields."""
        return tail_of(self._delimiter, reason, texts, origin)

    def write(self, records: Records, e164: list[str], tails: list[Tail]) -> str:
        """The line of each record, and the columns."""
        return joined(self._delimiter, records.raw, e164, tails)

    def _records(self, lines: list[str]) -> list[str]:
        if not self._begun and not any('"' in line for line in lines):
            return list(lines)
        records = []
        for line in lines:
            # a quote within a field is doubled, so that an odd number of them begins or ends one
            turns = line.count('"') % 2 == 1
            if not self._begun and not turns:
                records.append(line)
                continue
            ends = bool(self._begun) and turns
            self._characters += len(line) + bool(self._begun)
            self._begun.append(line)
            if ends:
                records.append("\n".join(self._begun))
                self._begun, self._characters = [], 0
            elif self._characters > MAX_RECORD_CHARACTERS:
                raise self._without_end()
        return records

    def _without_end(self) -> ListInvalid:
        return ListInvalid(f"a field in quotes does not end: {chr(10).join(self._begun)[:60]!r}")

    def _fields(self, record: str) -> list[str]:
        if '"' not in record:
            return record.split(self._delimiter)
        try:
            return next(csv.reader(io.StringIO(record, newline=""), delimiter=self._delimiter))
        except csv.Error as error:
            raise ListInvalid(f"it is no CSV ({error}): {record[:60]!r}") from None


class Text:
    """One number a line; written as CSV, with the text as it was in the first column."""

    header = ",".join(("number", *COLUMNS)) + "\n"

    def read(self, lines: list[str]) -> Records:
        """Each line is a record."""
        return Records(lines, lines)

    def end(self) -> None:
        """A line always ends."""

    def tail(self, reason: str, texts: Sequence[str], origin: Origin) -> Tail:
        """Fields."""
        return tail_of(",", reason, texts, origin)

    def write(self, records: Records, e164: list[str], tails: list[Tail]) -> str:
        """The text in quotes where it needs them, and the columns."""
        return joined(",", [quoted(",", text) for text in records.raw], e164, tails)


def tail_of(delimiter: str, reason: str, texts: Sequence[str], origin: Origin) -> Tail:
    """The fields of a verdict before the block, and those after it."""
    *held, rate_center = (quoted(delimiter, text) for text in texts)
    version, source, judged_at = origin.texts
    before = ("true" if reason == "valid" else "false", reason, *held)
    return Tail(delimiter.join(before), delimiter.join((version, rate_center, source, judged_at)))


def quoted(delimiter: str, text: str) -> str:
    """A field, in quotes where it needs them."""
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return f'"{text}"' if delimiter in text or "\n" in text or "\r" in text else text


def joined(delimiter: str, raw: Sequence[str], e164: list[str], tails: list[Tail]) -> str:
    """Lines: record, E.164, tail with the block within."""
    d = delimiter
    return "".join(
        [
            f"{record}{d}{number}{d}{tail.before}{d}{number[2:9]}{d}{tail.after}\n"
            for record, number, tail in zip(raw, e164, tails, strict=True)
        ]
    )


def _column(rows: list[list[str]], wanted: str | None) -> tuple[int, bool]:
    """Which column holds the numbers, and whether the first record has titles."""
    titles = [title.strip().casefold() for title in rows[0]]
    if wanted is None:
        if known := [titles.index(name) for name in NAMES if name in titles]:
            return known[0], True
        counts = [sum(at < len(row) and is_number(row[at]) for row in rows) for at in range(len(titles))]
        at = counts.index(max(counts))
        if not counts[at]:
            raise ListInvalid("no column holds telephone numbers in the first records; name one")
    elif wanted.strip().casefold() in titles:
        return titles.index(wanted.strip().casefold()), True
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(titles):
        at = int(wanted) - 1
    else:
        raise ListInvalid(f"there is no column {wanted}; there are {', '.join(rows[0])[:200]}")
    return at, len(rows) > 1 and not is_number(rows[0][at]) and is_number(rows[1][at])

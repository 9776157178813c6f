"""A list as it comes, block by block: cut into records, judged by one version of the prefix data, written."""

from collections import Counter
from typing import Literal

import numpy as np

from pipeline.holders import COLUMNS, Holders
from pipeline.lists.format import NAMES, SAMPLE, Format, Origin, Tail
from pipeline.lists.lines import Lines
from pipeline.lists.ndjson import Ndjson
from pipeline.lists.table import DELIMITERS, Table, Text
from pipeline.notation import parse_all
from pipeline.suppress import SuppressedNumbers
from pipeline.verdicts import REASONS, Verdicts

Kind = Literal["csv", "txt", "ndjson"]
SAMPLE_CHARACTERS = 1 << 16  # enough to know a format by, however few lines it has

_SHIFT = 32  # a key is a reason, and below it an index of the contents, 0 for none


class ListJudge:
    """Fed with bytes, gives back text. counts: reason -> how many so far."""

    def __init__(
        self,
        holders: Holders,
        suppressed: SuppressedNumbers,
        judged_at: str,
        kind: Kind | None = None,
        column: str | None = None,
    ) -> None:
        """judged_at: the moment of the verdicts, RFC 3339. kind and column: found by the first lines where None."""
        self.counts: Counter[str] = Counter()
        self._holders, self._suppressed = holders, suppressed
        self._kind, self._column = kind, column
        self._origin = Origin(holders.version, judged_at)
        self._lines, self._first = Lines(), list[str]()
        self._format: Format | None = None
        self._tails = dict[int, Tail]()

    @property
    def output(self) -> Literal["csv", "ndjson"]:
        """What the result is, once it has begun."""
        return "ndjson" if isinstance(self._format, Ndjson) else "csv"

    def feed(self, block: bytes) -> str:
        """The records that end in this block, with their verdicts.  Raises ListInvalid."""
        lines = self._lines.feed(block)
        if self._format is not None:
            return self._judged(self._format, lines)
        self._first += lines
        if len(self._first) < SAMPLE and sum(map(len, self._first)) < SAMPLE_CHARACTERS:
            return ""
        return self._begin()

    def end(self) -> str:
        """What was left.  Raises ListInvalid."""
        lines = self._lines.end()
        if self._format is None:
            self._first += lines
            text = self._begin()
        else:
            text = self._judged(self._format, lines)
        if self._format is not None:
            self._format.end()
        return text

    def _begin(self) -> str:
        lines, self._first = self._first, []
        self._format = format_of(lines, self._kind, self._column)
        return self._format.header + self._judged(self._format, lines)

    def _judged(self, format_: Format, lines: list[str]) -> str:
        records = format_.read(lines)
        numbers = parse_all(records.numbers)
        verdicts = self._holders.blocks.judge(numbers, self._suppressed.among(numbers))
        self.counts.update(verdicts.counts())
        tails = self._tails
        keys = _keys(verdicts)
        for key in set(keys).difference(tails):
            tails[key] = self._tail(format_, key)
        e164 = [f"+1{number}" if number >= 0 else "" for number in numbers.tolist()]
        return format_.write(records, e164, [tails[key] for key in keys])

    def _tail(self, format_: Format, key: int) -> Tail:
        index = (key & 0xFFFFFFFF) - 1
        texts = self._holders.contents[index] if index >= 0 else ("",) * len(COLUMNS)
        return format_.tail(REASONS[key >> _SHIFT], texts, self._origin)


def _keys(verdicts: Verdicts) -> list[int]:
    keys = verdicts.reasons.astype(np.int64) << _SHIFT | (verdicts.prefix_ids + 1)
    return [int(key) for key in keys.tolist()]


def format_of(first: list[str], kind: Kind | None, column: str | None) -> Format:
    """The format of a list by its first lines, unless it is said.  Raises ListInvalid."""
    if kind is None:
        line = next((line for line in first if line.strip()), "")
        titled = line.strip().strip('"').casefold() in NAMES
        if line.lstrip().startswith("{"):
            kind = "ndjson"
        else:
            kind = "csv" if column is not None or titled or any(mark in line for mark in DELIMITERS) else "txt"
    if kind == "ndjson":
        return Ndjson(first, column)
    return Table(first, column) if kind == "csv" else Text()

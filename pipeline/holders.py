"""One version of the prefix data for judging lists: the join, and in words what each holder's row says."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.verdicts import Blocks

COLUMNS = ("carrier", "line_type", "state", "country", "timezone", "rate_center")

Row = tuple[int, int, int, tuple[str, ...]]  # area code, exchange, bits of the blocks, texts of COLUMNS


@dataclass(frozen=True)
class Holders:
    """blocks joins a number with an index of `contents`, each the texts of COLUMNS; far fewer than rows."""

    version: str
    blocks: Blocks
    contents: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, version: str, rows: Iterable[Row]) -> "Holders":
        """Out of the rows of a version."""
        index_of: dict[tuple[str, ...], int] = {}
        columns = np.fromiter(
            ((code, nxx, blocks, index_of.setdefault(texts, len(index_of))) for code, nxx, blocks, texts in rows),
            np.dtype([("code", "i8"), ("nxx", "i8"), ("blocks", "i8"), ("index", "i4")]),
        )
        number = int(version) if version.isdecimal() else 0
        blocks = Blocks(number, columns["code"], columns["nxx"], columns["blocks"], columns["index"])
        return cls(version, blocks, tuple(index_of))

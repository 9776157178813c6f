"""How many numbers of a batch lie where: what statistics are the sum of."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pipeline.prefixes import AreaCode

COUNTED = ("carrier", "line_type", "state")

Counts = Mapping[str, Mapping[str, int]]  # attribute -> value -> numbers; the empty value: they have none


def counts_of(prefix_ids: npt.NDArray[np.int32], prefixes: AreaCode, verdict: str | None) -> Counts:
    """The counts of a batch by area code, verdict, operating company, line type and state.

    Each adds up to the batch. verdict: reason code of all its numbers, None where they have no verdict.
    """
    rows = prefix_ids - prefixes.first_prefix_id
    counts = {"area_code": {prefixes.area_code: len(rows)}, "verdict": {verdict or "": len(rows)}}
    for attribute in COUNTED:
        column = prefixes.rows.attributes[attribute]
        found = np.bincount(column.codes[rows], minlength=len(column.names))
        counts[attribute] = {column.names[code]: int(found[code]) for code in np.flatnonzero(found)}
    return counts

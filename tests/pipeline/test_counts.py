"""Counts of a batch, by its rows of the prefix data."""

import numpy as np

from pipeline.counts import counts_of
from tests.pipeline.data import AREA_CODES


def test_each_count_adds_up_to_the_batch() -> None:
    """Only what occurs is named; a fictional number has no line type, which is the empty value."""
    prefixes = AREA_CODES["415"]
    rows = np.array([0, 0, 1, 2, 2, 2, len(prefixes.rows.nxx) - 1], np.int32)
    counts = counts_of(prefixes.first_prefix_id + rows, prefixes, None)
    assert counts["area_code"] == {"415": 7}
    assert counts["line_type"] == {"wireless": 2, "landline": 4, "": 1}
    assert all(sum(found.values()) == 7 for found in counts.values())
    assert set(counts) == {"area_code", "carrier", "line_type", "state", "verdict"}
    assert counts["verdict"] == {"": 7}
    assert counts_of(prefixes.first_prefix_id + rows, prefixes, "valid")["verdict"] == {"valid": 7}

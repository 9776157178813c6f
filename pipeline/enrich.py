"""What enrich decides: which row of the prefix data each number of a batch belongs to."""

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from pipeline import numbering
from pipeline.errors import BatchImpossible
from pipeline.prefixes import AreaCode
from schemas.events import BatchAllocated, NumbersEnriched


def enrich(allocated: BatchAllocated, prefixes: AreaCode) -> NumbersEnriched:
    """The batch joined with its version of the prefix data.

    Raises BatchImpossible for a number that nobody holds: the draw took it out of another version.
    """
    numbers = np.array(BitMap.deserialize(allocated.numbers).to_array(), np.uint32)
    row = prefixes.row_of_block[numbers // numbering.BLOCK]
    if (row < 0).any():
        first = numbers[row < 0][0]
        raise BatchImpossible(
            "unassigned_block",
            f"{numbering.e164(allocated.area_code, first)} lies in a block that nobody holds "
            f"in version {allocated.prefix_version} of the prefix data",
        )
    return NumbersEnriched(
        task_id=allocated.task_id,
        user_id=allocated.user_id,
        batch=allocated.batch,
        project_id=allocated.project_id,
        area_code=allocated.area_code,
        asked=allocated.asked,
        prefix_version=allocated.prefix_version,
        count=len(numbers),
        verdict=_verdict(numbers, prefixes, row) if allocated.auto_validate else None,
        numbers=numbers.astype("<u4").tobytes(),
        prefix_ids=(prefixes.first_prefix_id + row).astype("<i4").tobytes(),
    )


def _verdict(numbers: npt.NDArray[np.uint32], prefixes: AreaCode, row: npt.NDArray[np.int32]) -> str:
    """The reason code of every number of a generated batch; docs/numbering.md lists the codes."""
    nxx = prefixes.rows.nxx[row]
    lines = numbers % numbering.LINES
    fictional = (nxx == numbering.FICTIONAL_NXX) & np.isin(lines, numbering.FICTIONAL_LINES)
    if len(numbers) and fictional.all():
        return "fictional"
    if numbering.is_special(nxx).any():
        raise BatchImpossible("special_exchange", "the batch holds numbers of an exchange never generated from")
    return "valid"

"""Rows of PostgreSQL's binary COPY as numpy columns (PostgreSQL documentation, COPY, "Binary Format").

A row without nulls is a count of fields, then the length and the value of each, all big-endian.
"""

import numpy as np
import numpy.typing as npt

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, no flags, no extension
TRAILER = b"\xff\xff"

Rows = npt.NDArray[np.void]
RowType = np.dtype[np.void]


def row_type(**columns: str) -> RowType:
    """Of columns that are never null: name -> numpy's type of fixed width, such as number=">i8"."""
    fields = [("fields", ">i2")]
    for name, type_ in columns.items():
        fields += [(f"{name}_length", ">i4"), (name, type_)]
    return np.dtype(fields)


def read_rows(data: bytes, row: RowType) -> Rows:
    """The rows of all that a COPY TO STDOUT sends."""
    return np.frombuffer(data[len(HEADER) : len(data) - len(TRAILER)], row)


def written_rows(row: RowType, **columns: npt.ArrayLike) -> bytes:
    """What a COPY FROM STDIN takes: each column of equal length, or one value for all rows."""
    (count,) = {len(column) for column in columns.values() if isinstance(column, np.ndarray)}
    rows = np.empty(count, row)
    rows["fields"] = len(columns)
    for name, column in columns.items():
        rows[f"{name}_length"], rows[name] = row[name].itemsize, column
    return HEADER + rows.tobytes() + TRAILER

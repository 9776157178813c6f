"""Binary COPY out of PostgreSQL, as rows of numpy."""

import numpy as np
import numpy.typing as npt

from agents.database import Connection

HEADER_BYTES, TRAILER_BYTES = 19, 2  # PostgreSQL documentation, COPY, "Binary Format"

Rows = npt.NDArray[np.void]


def row_type(**columns: str) -> np.dtype[np.void]:
    """A row of binary COPY without nulls: a count of fields, then length and value of each."""
    fields = [("fields", ">i2")]
    for name, type_ in columns.items():
        fields += [(f"{name}_length", ">i4"), (name, type_)]
    return np.dtype(fields)


async def copied(connection: Connection, query: str, parameter: object, row: np.dtype[np.void]) -> Rows:
    """The rows of a COPY ... TO STDOUT (FORMAT BINARY), all columns of which are not null."""
    async with connection.cursor().copy(query, (parameter,)) as copy:
        data = b"".join([bytes(part) async for part in copy])
    return np.frombuffer(data[HEADER_BYTES : len(data) - TRAILER_BYTES], row)

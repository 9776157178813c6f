"""Binary COPY of PostgreSQL, as the steps use it."""

from agents.database import Connection
from pipeline.binary_copy import Rows, RowType, read_rows, row_type

NUMBER_ROW = row_type(number=">i8", batch=">i4", prefix=">i4")  # of the table numbers


async def copied(connection: Connection, query: str, parameter: object, row: RowType) -> Rows:
    """The rows of a COPY ... TO STDOUT (FORMAT BINARY), all columns of which are not null."""
    async with connection.cursor().copy(query, (parameter,)) as copy:
        return read_rows(b"".join([bytes(part) async for part in copy]), row)

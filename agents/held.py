"""Held numbers out of PostgreSQL as columns: what a validation names."""

import numpy as np

from agents.binary_copy import NUMBER_ROW, copied
from agents.database import Connection, Database
from pipeline.binary_copy import Rows
from pipeline.validation import MOST_HELD_BATCHES, Held

SELECT_BATCHES = """
SELECT batch_id, count FROM batches
WHERE user_id = %(user)s AND count > 0
    AND {which}
ORDER BY batch_id LIMIT %(most)s
"""
OF_TASK = SELECT_BATCHES.format(which="task_id = %(name)s")
OF_PROJECT = SELECT_BATCHES.format(which="project_id = %(name)s")

COPY_NUMBERS = """
COPY (
    SELECT number, batch_id, prefix_id FROM numbers WHERE batch_id = ANY(%s) ORDER BY number
) TO STDOUT (FORMAT BINARY)
"""


async def held_numbers(connection: Connection, batch_ids: list[int]) -> Rows:
    """Rows of NUMBER_ROW of these stored batches, by number."""
    return await copied(connection, COPY_NUMBERS, batch_ids, NUMBER_ROW)


async def held_batches(database: Database, user_id: str, task_id: str | None, project_id: str | None) -> Held:
    """The stored batches of a user's task or project, those with numbers; none of another user's.

    One more than a plan takes at most: a project may have millions, and the worker neither the memory nor the time.
    """
    query, name = (OF_TASK, task_id) if task_id else (OF_PROJECT, project_id)
    wanted = {"user": user_id, "name": name, "most": MOST_HELD_BATCHES + 1}
    async with database.connection(0) as connection:
        found = await (await connection.execute(query.encode(), wanted)).fetchall()
    columns = np.array(found, np.int32).reshape(-1, 2)
    return Held(columns[:, 0], columns[:, 1])

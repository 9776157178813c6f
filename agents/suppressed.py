"""PostgreSQL -> verdicts: which numbers are suppressed for a user, as of the record of a batch.

The store keeps the verdicts that a batch got first, so what is read here may differ when the batch comes again.
"""

from agents.database import Connection, Database
from pipeline.suppress import Lists, SuppressedNumbers, with_changes

LAST = "SELECT coalesce(max(place), 0) FROM suppression_changes WHERE published_at <= to_timestamp(%s / 1000.0)"
CHANGES = """
SELECT c.user_id, c.removed, n.area_code::integer, n.numbers
FROM suppression_changes c JOIN suppression_numbers n USING (change_id)
WHERE c.place > %s AND c.place <= %s ORDER BY c.place
"""


class SuppressedReader:
    """All lists as of the last change that was asked for; what changes after it is read when it is needed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._place = 0
        self._lists: Lists = {}

    async def of(self, user_id: str, at: int) -> SuppressedNumbers:
        """What this user is not given, as of a moment in ms since the epoch."""
        async with self._database.connection(0) as connection:
            (place,) = await (await connection.execute(LAST, (at,))).fetchone() or (0,)
            if place < self._place:  # an old batch: all that was changed by then, and not kept
                lists = await _changed(connection, {}, 0, place)
            else:
                lists = self._lists = await _changed(connection, self._lists, self._place, place)
                self._place = place
        return SuppressedNumbers.of_lists(lists, user_id)


async def _changed(connection: Connection, lists: Lists, after: int, place: int) -> Lists:
    """The lists with the changes of these places."""
    if after == place:
        return lists
    return with_changes(lists, await (await connection.execute(CHANGES, (after, place))).fetchall())

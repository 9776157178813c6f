"""PostgreSQL -> verdicts: which numbers are suppressed for a user, as of the change that a plan has pinned.

Changes are made one at a time, each with the next place, and never change: up to a place the lists are the same for
whoever reads them, whenever.
"""

from collections import OrderedDict

from agents.database import Database
from pipeline.suppress import Lists, SuppressedNumbers, with_changes

LAST = "SELECT coalesce(max(place), 0) FROM suppression_changes WHERE published_at IS NOT NULL"
CHANGES = """
SELECT c.user_id, c.removed, n.area_code::integer, n.numbers
FROM suppression_changes c JOIN suppression_numbers n USING (change_id)
WHERE c.place > %s AND c.place <= %s ORDER BY c.place
"""


async def last_change(database: Database) -> int:
    """The place of the last change that is in force; 0 where there was none."""
    async with database.connection(0) as connection:
        (place,) = await (await connection.execute(LAST)).fetchone() or (0,)
    return int(place)


class SuppressedReader:
    """All lists as of the places that were asked for last; another is made out of the nearest one before it."""

    def __init__(self, database: Database, most: int = 4) -> None:
        self._database, self._most = database, most
        self._lists: OrderedDict[int, Lists] = OrderedDict({0: {}})

    async def of(self, user_id: str, place: int) -> SuppressedNumbers:
        """What this user is not given, as of the change at this place."""
        if (lists := self._lists.get(place)) is None:
            before = max((known for known in self._lists if known < place), default=0)
            base = self._lists.get(before, {})
            async with self._database.connection(0) as connection:
                changes = await (await connection.execute(CHANGES, (before, place))).fetchall()
            lists = self._lists[place] = with_changes(base, changes)
        self._lists.move_to_end(place)
        while len(self._lists) > self._most:
            self._lists.popitem(last=False)
        return SuppressedNumbers.of_lists(lists, user_id)

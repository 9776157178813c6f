"""What uploaded lists are judged by beside the prefix data: which numbers are suppressed, for whom."""

import asyncio

from gateway.database import Database
from pipeline.suppress import Lists, SuppressedNumbers, with_changes

CHANGES = """
SELECT place, user_id, removed, area_code::integer AS area_code, numbers
FROM suppression_changes JOIN suppression_numbers USING (change_id)
WHERE published_at IS NOT NULL AND place > %(place)s ORDER BY place
"""


class SuppressedReader:
    """All lists as of the last change; what was changed since is read when it is needed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._place = 0
        self._lists: Lists = {}
        self._reading = asyncio.Lock()

    async def of(self, user_id: str) -> SuppressedNumbers:
        """What this user is not given.  Raises Unavailable."""
        async with self._reading:
            if rows := await self._database.rows(CHANGES, {"place": self._place}):
                changes = [(row["user_id"], row["removed"], row["area_code"], row["numbers"]) for row in rows]
                self._lists = with_changes(self._lists, changes)
                self._place = rows[-1]["place"]
        return SuppressedNumbers.of_lists(self._lists, user_id)

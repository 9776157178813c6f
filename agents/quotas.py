"""PostgreSQL -> quotas: what each user may, read once a second and pinned by intake in what it submits."""

import asyncio

from agents.database import Database
from schemas.events import Quota

PAUSE_SECONDS = 1.0
EVERYBODY = "*"  # whose quota holds for users that have none of their own
SELECT = "SELECT user_id, numbers_a_day, tasks_at_once FROM quotas"


class Quotas:
    """The table `quotas`, as of a second ago."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found: dict[str, Quota] | None = None

    async def of(self, user_id: str) -> Quota | None:
        """What a user may; None for one without bounds."""
        if self._found is None:
            await self._read()
        assert self._found is not None
        return self._found.get(user_id, self._found.get(EVERYBODY))

    async def run(self) -> None:
        """Read for ever. An error of PostgreSQL ends it, and with it the worker."""
        while True:
            await self._read()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self) -> None:
        async with self._database.connection(1) as connection:
            rows = await (await connection.execute(SELECT)).fetchall()
        self._found = {user_id: Quota(numbers, tasks) for user_id, numbers, tasks in rows}

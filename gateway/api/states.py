"""States of tasks: the newer of what this gateway remembers and of the row in PostgreSQL."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gateway.api.cursors import Cursor, Page, page_of
from gateway.database import Database
from gateway.hub import Hub
from pipeline.views import in_milliseconds, moment_of, rfc3339, task_view
from schemas.events import TaskProgress

SELECT = "SELECT t.*, s.sequence FROM tasks t JOIN task_states s USING (task_id) WHERE t.user_id = %(user)s "
ONE = SELECT + "AND t.task_id = %(task)s"
ACTIVE = SELECT + "AND t.status IN ('pending', 'running')"
NEWEST = SELECT + "ORDER BY t.created_at DESC, t.task_id LIMIT %(limit)s"
AFTER = SELECT + (
    "AND t.created_at <= %(at)s AND (t.created_at < %(at)s OR t.task_id > %(task)s) "
    "ORDER BY t.created_at DESC, t.task_id LIMIT %(limit)s"
)
BEFORE = SELECT + (
    "AND t.created_at >= %(at)s AND (t.created_at > %(at)s OR t.task_id < %(task)s) "
    "ORDER BY t.created_at, t.task_id DESC LIMIT %(limit)s"
)
TIMES = ("created_at", "started_at", "completed_at", "estimated_completion")
RUNNING = ("pending", "running")

View = dict[str, Any]  # a task as JSON (docs/contract.md, "A task")


class States:
    """What an HTTP call is told of tasks. The row comes a moment after the topic, so memory may be newer; and it
    holds what memory has forgotten."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database, self._tasks = database, hub.tasks

    async def find(self, user_id: str, task_id: str) -> View | None:
        """One task of this user; another user's is as unknown as none.  Raises Unavailable."""
        rows = await self._database.rows(ONE, {"user": user_id, "task": task_id})
        remembered = self._tasks.newest(user_id, task_id)
        found = self._newer(rows, [remembered] if remembered else [])
        return found[0] if found else None

    async def active(self, user_id: str) -> list[View]:
        """Those that have not ended, newest first.  Raises Unavailable."""
        rows = await self._database.rows(ACTIVE, {"user": user_id})
        views = self._newer(rows, self._tasks.newest_of(user_id))
        return sorted((view for view in views if view["status"] in RUNNING), key=_order)

    async def page(self, user_id: str, cursor: Cursor | None, limit: int) -> Page[View]:
        """Tasks, newest first.  Raises Unavailable."""
        parameters: dict[str, Any] = {"user": user_id, "limit": limit + 1}
        query = NEWEST
        if cursor is not None:
            query = BEFORE if cursor.before else AFTER
            parameters |= {"at": moment_of(cursor.first), "task": cursor.second}
        rows = await self._database.rows(query, parameters)
        views = sorted(self._newer(rows, self._tasks.newest_of(user_id)), key=_order)
        if cursor is not None:
            place = (-cursor.first, cursor.second)
            views = [view for view in views if (_order(view) < place if cursor.before else _order(view) > place)]
        return page_of(views, limit, cursor, _cursor_of)

    def _newer(self, rows: Iterable[Mapping[str, Any]], remembered: Iterable[TaskProgress]) -> list[View]:
        """Every task that either knows, once, in its newest state."""
        views, sequences = dict[str, View](), dict[str, int]()
        for row in rows:
            task_id = str(row["task_id"])
            views[task_id], sequences[task_id] = row_view(row), row["sequence"]
        for progress in remembered:
            if progress.sequence > sequences.get(progress.task_id, 0):
                views[progress.task_id] = task_view(progress)
        return list(views.values())


def row_view(row: Mapping[str, Any]) -> View:
    """A row of the view `tasks` as the topic's states are shown."""
    view = {name: value for name, value in row.items() if name != "sequence"}
    times = {name: None if row[name] is None else rfc3339(in_milliseconds(row[name])) for name in TIMES}
    return {**view, **times, "task_id": str(row["task_id"]), "progress": float(row["progress"])}


def _created(view: View) -> int:
    return in_milliseconds(datetime.fromisoformat(view["created_at"]))


def _order(view: View) -> tuple[int, str]:
    return -_created(view), view["task_id"]


def _cursor_of(view: View) -> Cursor:
    return Cursor("tasks", _created(view), view["task_id"])

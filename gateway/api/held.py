"""The numbers of a user out of PostgreSQL: batch by batch in the order in which they were stored, then by number.

That order never changes for what is stored, since later batches have greater ids. So a page, or an export that
goes on where it was cut, begins after a (batch, number), and what is added moves nothing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from gateway.api.cursors import Cursor, Page, page_of
from gateway.api.models import Number
from gateway.database import Database
from pipeline.views import in_milliseconds, rfc3339

MOST_AT_ONCE = 200_000  # numbers that one query looks through: more each time, where filters leave little
MOST_SEARCHED = 500_000  # numbers that are looked through for one page; it may then be short, and has a next
CHUNK_NUMBERS = 20_000  # of an export, in memory at once

COLUMNS: tuple[LiteralString, ...] = tuple(Number.model_fields)
# condition -> the parameter that it is about; a parameter that is not given leaves its condition out
OF_BATCHES: dict[LiteralString, str] = {
    "task_id = %(task)s": "task",
    "project_id = %(project)s": "project",
    "area_code = ANY(%(area_codes)s::smallint[])": "area_codes",
}
OF_NUMBERS: dict[LiteralString, str] = {
    "state = ANY(%(states)s)": "states",
    "lower(carrier) LIKE ANY(%(carriers)s)": "carriers",
    "line_type = ANY(%(line_types)s)": "line_types",
    "is_valid = %(is_valid)s": "is_valid",
}

TIMES = ("validated_at", "created_at")

Row = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which of a user's numbers: one entry of each list that is not empty. carriers: parts of their names."""

    user_id: str
    task_id: str | None = None
    project_id: str | None = None
    area_codes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    line_types: tuple[str, ...] = ()
    is_valid: bool | None = None

    def parameters(self) -> dict[str, Any]:
        """What is asked for, by the names of the conditions."""
        given = {
            "task": self.task_id,
            "project": self.project_id,
            "area_codes": [int(code) for code in self.area_codes] or None,
            "states": [state.upper() for state in self.states] or None,
            "carriers": [f"%{_literally(part.lower())}%" for part in self.carriers] or None,
            "line_types": list(self.line_types) or None,
            "is_valid": self.is_valid,
        }
        return {"user": self.user_id} | {name: value for name, value in given.items() if value is not None}


def _literally(text: str) -> str:
    """Text for LIKE, that stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@dataclass(frozen=True, slots=True)
class Batches:
    """Neighbouring batches in the order of a walk, and how many numbers they hold."""

    ids: Sequence[int]
    numbers: int


class Held:
    """Reads numbers. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: Wanted, cursor: Cursor | None, limit: int) -> Page[Row]:
        """At most `limit` numbers beside a cursor; fewer, and yet a next page, where few of very many match."""
        backwards = cursor is not None and cursor.before
        query = _select(wanted, cursor)
        parameters = wanted.parameters() | _place(cursor) | {"limit": limit + 1}
        rows: list[Row] = []
        searched, beyond = 0, None
        async for batches in self._walk(wanted, cursor, limit + 1, grows=True):
            rows += await self._database.rows(query, parameters | {"batches": batches.ids})
            if len(rows) > limit:
                break
            searched += batches.numbers
            if searched > MOST_SEARCHED:
                beyond = Cursor("numbers", batches.ids[-1], "0" * 11 if backwards else "9" * 11, backwards)
                break
        page = page_of(rows[::-1] if backwards else rows, limit, cursor, _cursor_of)
        shown = [_shown(row) for row in page.rows]
        if beyond is None:
            return Page(shown, page.next, page.previous)
        return Page(shown, page.next, beyond) if backwards else Page(shown, beyond, page.previous)

    async def place_of(self, user_id: str, number: str) -> Cursor | None:
        """Where a number of this user stands; None where the user has no such number."""
        rows = await self._database.rows(PLACE, {"user": user_id, "number": int(number)})
        return Cursor("numbers", rows[0]["batch_id"], number) if rows else None

    async def texts(self, wanted: Wanted, line: LiteralString, after: Cursor | None) -> AsyncIterator[str]:
        """All numbers after a place, each as the line that an expression over the columns makes of it, in texts of
        about CHUNK_NUMBERS lines. PostgreSQL makes the text: a row at a time would hold up the event loop."""
        query = _select_text(wanted, line, after)
        parameters = wanted.parameters() | _place(after)
        async for batches in self._walk(wanted, after, CHUNK_NUMBERS, grows=False):
            (row,) = await self._database.rows(query, parameters | {"batches": batches.ids})
            if row["text"]:
                yield row["text"]

    async def _walk(
        self, wanted: Wanted, cursor: Cursor | None, numbers: int, grows: bool
    ) -> AsyncIterator[Batches]:
        """Batches from a cursor's on, of so many numbers at once; grows: eight times as many each time."""
        backwards = cursor is not None and cursor.before
        query, parameters = _select_batches(wanted, backwards), wanted.parameters()
        start = cursor.first if cursor else 0
        while rows := await self._database.rows(query, parameters | {"start": start}):
            ids, found = list[int](), 0
            for row in rows:
                ids.append(row["batch_id"])
                found += row["count"]
                if found >= numbers:
                    yield Batches(ids, found)
                    ids, found = [], 0
                    numbers = min(numbers * 8, MOST_AT_ONCE) if grows else numbers
            if ids:
                yield Batches(ids, found)
            start = rows[-1]["batch_id"] + (-1 if backwards else 1)


PLACE = "SELECT batch_id FROM phone_numbers WHERE number_value = %(number)s AND user_id = %(user)s"


def _select_batches(wanted: Wanted, backwards: bool) -> LiteralString:
    side: LiteralString = "batch_id <= %(start)s" if backwards else "batch_id >= %(start)s"
    order: LiteralString = "DESC" if backwards else "ASC"
    conditions = " AND ".join(["user_id = %(user)s", side, *_given(OF_BATCHES, wanted)])
    return f"SELECT batch_id, count FROM batches WHERE {conditions} ORDER BY batch_id {order} LIMIT 128"


def _conditions(wanted: Wanted, cursor: Cursor | None) -> LiteralString:
    place: list[LiteralString] = []
    if cursor is not None:
        place = ["(batch_id, number_value) " + ("<" if cursor.before else ">") + " (%(batch)s, %(number)s)"]
    return " AND ".join(["batch_id = ANY(%(batches)s)", *place, *_given(OF_NUMBERS, wanted)])


def _select(wanted: Wanted, cursor: Cursor | None) -> LiteralString:
    order: LiteralString = "DESC" if cursor is not None and cursor.before else "ASC"
    return (
        f"SELECT {', '.join(COLUMNS)}, batch_id FROM phone_numbers WHERE {_conditions(wanted, cursor)} "
        f"ORDER BY batch_id {order}, number_value {order} LIMIT %(limit)s"
    )


def _select_text(wanted: Wanted, line: LiteralString, after: Cursor | None) -> LiteralString:
    return (
        f"SELECT string_agg({line} || E'\n', '' ORDER BY batch_id, number_value) AS text "
        f"FROM phone_numbers WHERE {_conditions(wanted, after)}"
    )


def _given(conditions: Mapping[LiteralString, str], wanted: Wanted) -> list[LiteralString]:
    given = wanted.parameters()
    return [condition for condition, name in conditions.items() if name in given]


def _place(cursor: Cursor | None) -> dict[str, int]:
    return {} if cursor is None else {"batch": cursor.first, "number": int(cursor.second)}


def _cursor_of(row: Row) -> Cursor:
    return Cursor("numbers", row["batch_id"], str(row["number_value"]))


def _shown(row: Row) -> Row:
    """A row as JSON: times as everywhere, and no batch, which is ours alone."""
    shown = {name: row[name] for name in COLUMNS}
    times = {name: None if row[name] is None else rfc3339(in_milliseconds(row[name])) for name in TIMES}
    return {**shown, **times, "task_id": str(row["task_id"])}

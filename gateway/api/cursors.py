"""Where a page begins: the key of the row before it, opaque to clients, so that added rows move no page. No I/O."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

SECOND = {
    "tasks": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "numbers": re.compile(r"[0-9]{11}"),
    "validations": re.compile(r"-"),
}
MOST = {
    "tasks": 253_402_300_799_999,
    "numbers": 2**31 - 1,
    "validations": 2**31 - 1,
}  # no time or integer is beyond
_FORM = re.compile(r"(tasks|numbers|validations) (after|before) ([0-9]{1,15}) ([0-9a-f-]{1,36})")

Row = TypeVar("Row")


@dataclass(frozen=True)
class CursorUnknown(ValueError):
    """A text that is no cursor of this list."""

    def __str__(self) -> str:
        return "must be the cursor of a page's next or previous, as it came"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list, and whether the page lies before it. first, second: the key of a row.

    tasks: created_at in ms, task_id; numbers: batch_id, number; validations: position, a hyphen.
    """

    kind: str
    first: int
    second: str
    before: bool = False

    def encode(self) -> str:
        """As clients get it: URL-safe text."""
        text = f"{self.kind} {'before' if self.before else 'after'} {self.first} {self.second}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(kind: str, text: str) -> Cursor:
    """The cursor of a list.  Raises CursorUnknown."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise CursorUnknown from None
    match = _FORM.fullmatch(plain)
    if match is None or match[1] != kind or not SECOND[kind].fullmatch(match[4]):
        raise CursorUnknown
    if int(match[3]) > MOST[kind]:
        raise CursorUnknown
    return Cursor(kind, int(match[3]), match[4], match[2] == "before")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in order, and the cursors of the pages beside it; None where there is none."""

    rows: Sequence[Row]
    next: Cursor | None
    previous: Cursor | None


def page_of(
    rows: Sequence[Row], limit: int, cursor: Cursor | None, cursor_of: Callable[[Row], Cursor]
) -> Page[Row]:
    """A page out of the rows beside a cursor, of which one more than the limit is there where more follow.

    rows: in the list's order, also those before a cursor.
    """
    backwards = cursor is not None and cursor.before
    more = len(rows) > limit
    shown = rows[-limit:] if backwards else rows[:limit]
    if not shown:
        return Page(shown, None, None)
    has_next, has_previous = (True, more) if backwards else (more, cursor is not None)
    first, last = cursor_of(shown[0]), cursor_of(shown[-1])
    return Page(
        shown,
        last if has_next else None,
        Cursor(first.kind, first.first, first.second, before=True) if has_previous else None,
    )

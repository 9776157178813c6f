"""GET of numbers: in pages, and as a file of any length."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal, LiteralString
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from gateway.api.auth import Reading, Whose
from gateway.api.description import problems
from gateway.api.exports import Stream
from gateway.api.held import Held, Wanted
from gateway.api.models import NumberPage
from gateway.api.problems import broken
from gateway.api.services import Using
from gateway.api.tasks import PageQuery, TaskId, cursor_of, page_answer, task_of
from pipeline.views import EXPORTED
from schemas.requests import AreaCode, FilterText, LineType

router = APIRouter(tags=["numbers"])
GZIP_LEVEL = 1  # three quarters of what level 6 saves, in a third of its time
GZIP = 16 + zlib.MAX_WBITS
SEND_BYTES = 1 << 16

# as text, where the cast to it is not what the contract has
TEXTS: dict[LiteralString, LiteralString] = {
    "validated_at": "to_char(validated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
}


def _quoted(column: LiteralString) -> LiteralString:
    """A value as RFC 4180 has it: in quotes where it holds a comma, a quote or an end of line."""
    text: LiteralString = TEXTS.get(column, f"{column}::text")
    quoted: LiteralString = f"'\"' || replace({text}, '\"', '\"\"') || '\"'"
    return f"coalesce(CASE WHEN {text} ~ '[,\"\\r\\n]' THEN {quoted} ELSE {text} END, '')"


def _member(column: LiteralString) -> LiteralString:
    return f"'\"{column}\":' || coalesce(to_json({TEXTS.get(column, column)})::text, 'null')"


# format -> media type, first line, and what PostgreSQL makes of a row
FORMATS: dict[str, tuple[str, str, LiteralString]] = {
    "csv": ("text/csv; charset=utf-8", ",".join(EXPORTED) + "\n", " || ',' || ".join(map(_quoted, EXPORTED))),
    "ndjson": ("application/x-ndjson", "", "'{' || " + " || ',' || ".join(map(_member, EXPORTED)) + " || '}'"),
    "txt": ("text/plain; charset=utf-8", "", "number"),
}


class NumberFilters(Whose):
    """Which numbers: one entry of each list that is given."""

    area_code: list[AreaCode] = Field([], max_length=100, description="may be repeated")
    state: list[FilterText] = Field([], max_length=100, description="may be repeated")
    carrier: list[FilterText] = Field(
        [], max_length=100, description="part of a name, either case; may be repeated"
    )
    line_type: list[LineType] = Field([], max_length=4, description="may be repeated")
    is_valid: bool | None = Field(None, description="by the newest verdict; those without one are neither")
    project_id: FilterText | None = None

    def wanted(self, user: str, task_id: UUID | None = None) -> Wanted:
        """What is asked for, of a user."""
        return Wanted(
            user,
            str(task_id) if task_id else None,
            self.project_id,
            tuple(self.area_code),
            tuple(self.state),
            tuple(self.carrier),
            tuple(self.line_type),
            self.is_valid,
        )


class NumbersQuery(NumberFilters, PageQuery):
    """Which numbers, and which page of them."""


class ExportQuery(NumberFilters):
    """Which numbers, and as what."""

    format: Literal["csv", "ndjson", "txt"] = Field("csv", description="txt is the number alone")
    task_id: UUID | None = Field(None, description="of one task alone")
    after: Annotated[str, Field(pattern=r"^[+ ]?1[0-9]{10}$")] | None = Field(
        None, description="the last number of an export that was cut: this one goes on behind it, without a head"
    )


@router.get(
    "/api/numbers/",
    response_model=NumberPage,
    responses=problems(401, 403, 422, 429, 503),
    operation_id="listNumbers",
)
async def numbers(
    request: Request, reading: Reading, services: Using, query: Annotated[NumbersQuery, Query()]
) -> Response:
    """Your numbers, in the order in which they were stored."""
    user = await reading.of(query)
    page = await Held(services.database).page(query.wanted(user), cursor_of("numbers", query), query.limit)
    return page_answer(request, services, page)


@router.get(
    "/api/tasks/{task_id}/numbers/",
    response_model=NumberPage,
    responses=problems(401, 403, 404, 422, 429, 503),
    operation_id="listNumbersOfTask",
)
async def numbers_of_task(
    request: Request, reading: Reading, services: Using, task_id: TaskId, query: Annotated[NumbersQuery, Query()]
) -> Response:
    """The numbers of a task, as far as they are stored."""
    user = await reading.of(query)
    await task_of(services, user, task_id)
    page = await Held(services.database).page(query.wanted(user, task_id), cursor_of("numbers", query), query.limit)
    return page_answer(request, services, page)


@router.get(
    "/api/numbers/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "all of them, one a line",
            "content": {
                media.partition(";")[0]: {"schema": {"type": "string"}} for media, _, _ in FORMATS.values()
            },
        },
        **problems(401, 403, 404, 422, 429, 503),
    },
    operation_id="exportNumbers",
)
async def export(
    request: Request, reading: Reading, services: Using, query: Annotated[ExportQuery, Query()]
) -> Response:
    """Your numbers as a file, in the order in which they were stored. One that was cut goes on with `after`."""
    user = await reading.of(query)
    if query.task_id is not None:
        await task_of(services, user, query.task_id)
    held = Held(services.database)
    after = None
    if query.after is not None:
        after = await held.place_of(user, query.after.strip("+ "))
        if after is None:
            raise broken("after", "must be a number of yours, the last whole one that you have")
    media_type, head, line = FORMATS[query.format]
    texts = held.texts(query.wanted(user, query.task_id), line, after)
    name = f"numbers-{query.task_id}" if query.task_id else "numbers"
    headers = {"Content-Disposition": f'attachment; filename="{name}.{query.format}"', "Vary": "Accept-Encoding"}
    compressed = _takes_gzip(request)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    parts = _parts(texts, "" if after else head, compressed)
    return Stream(services.exports, user, parts, headers, media_type)


def _takes_gzip(request: Request) -> bool:
    """Whether the client asks for it; what it asks for with q=0 it does not want."""
    for one in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, quality = one.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


async def _parts(texts: AsyncIterator[str], head: str, compressed: bool) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=GZIP) if compressed else None
    rest = head.encode()
    async for text in texts:
        part = rest + text.encode()
        rest = b""
        if packer is not None:
            part = await asyncio.to_thread(packer.compress, part)  # which lets the event loop go on
        for start in range(0, len(part), SEND_BYTES):
            yield part[start : start + SEND_BYTES]
    if packer is not None:
        yield packer.compress(rest) + packer.flush()
    elif rest:
        yield rest

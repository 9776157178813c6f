"""GET of the verdicts of a list that was judged: number by number, in the order given."""

from typing import Annotated, LiteralString

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from gateway.api.auth import Reading
from gateway.api.cursors import Cursor, page_of
from gateway.api.description import problems
from gateway.api.models import Verdict, VerdictPage
from gateway.api.services import Using
from gateway.api.tasks import PageQuery, TaskId, cursor_of, page_answer, task_of
from pipeline.verdicts import REASONS
from pipeline.views import in_milliseconds, rfc3339

router = APIRouter(tags=["tasks"])

COLUMNS: LiteralString = ", ".join(Verdict.model_fields)
Reason = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]


class VerdictsQuery(PageQuery):
    """Which verdicts, and which page of them."""

    reason: list[Reason] = Field([], max_length=100, description=f"such as {REASONS[0]}; may be repeated")
    is_valid: bool | None = None


@router.get(
    "/api/tasks/{task_id}/validations/",
    response_model=VerdictPage,
    responses=problems(401, 403, 404, 422, 429, 503),
    operation_id="listVerdictsOfTask",
)
async def verdicts_of_task(
    request: Request, reading: Reading, services: Using, task_id: TaskId, query: Annotated[VerdictsQuery, Query()]
) -> Response:
    """The verdicts on a list that was judged, in the order given; those on held numbers show with the numbers."""
    user = await reading.of(query)
    await task_of(services, user, task_id)
    cursor = cursor_of("validations", query)
    parameters = {
        "task": task_id,
        "user": user,
        "reasons": query.reason,
        "is_valid": query.is_valid,
        "position": cursor.first if cursor else -1,
        "limit": query.limit + 1,
    }
    found = await services.database.rows(_select(query, cursor), parameters)
    rows = [{**row, "validated_at": rfc3339(in_milliseconds(row["validated_at"]))} for row in found]
    backwards = cursor is not None and cursor.before
    page = page_of(rows[::-1] if backwards else rows, query.limit, cursor, lambda row: _cursor(row["position"]))
    return page_answer(request, services, page)


def _select(query: VerdictsQuery, cursor: Cursor | None) -> LiteralString:
    side, order = ("<", "DESC") if cursor is not None and cursor.before else (">", "ASC")
    conditions: list[LiteralString] = ["task_id = %(task)s", "user_id = %(user)s", f"position {side} %(position)s"]
    if query.reason:
        conditions.append("validation_reason = ANY(%(reasons)s)")
    if query.is_valid is not None:
        conditions.append("is_valid = %(is_valid)s")
    return (
        f"SELECT {COLUMNS} FROM validations WHERE {' AND '.join(conditions)} "
        f"ORDER BY position {order} LIMIT %(limit)s"
    )


def _cursor(position: int) -> Cursor:
    return Cursor("validations", position, "-")

"""GET of tasks, and their cancelling."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from gateway.api.auth import Reading, User, Whose
from gateway.api.cursors import Cursor, CursorUnknown, Page, decode
from gateway.api.description import IdempotencyKey, problems
from gateway.api.models import Progress, Submitted, Task, TaskPage
from gateway.api.problems import Problem, broken, not_found
from gateway.api.services import ApiServices, Using
from gateway.api.states import RUNNING, States, View
from gateway.api.submit import submit
from gateway.api.urls import http_url

router = APIRouter(tags=["tasks"])
TaskId = Annotated[UUID, Path(description="the task's id")]
MOST, USUAL = 1000, 100


class PageQuery(Whose):
    """Which page of a list."""

    limit: int = Field(USUAL, ge=1, le=MOST, description="rows a page")
    cursor: str | None = Field(None, max_length=200, description="of a page's next or previous")


def cursor_of(kind: str, query: PageQuery) -> Cursor | None:
    """The cursor that was given.  Raises Problem."""
    if query.cursor is None:
        return None
    try:
        return decode(kind, query.cursor)
    except CursorUnknown as error:
        raise broken("cursor", str(error)) from None


def page_answer(request: Request, services: ApiServices, page: Page[Any]) -> Response:
    """A page as JSON, with the URLs of the pages beside it: this call's, with another cursor."""

    def url(cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        beside = request.url.include_query_params(cursor=cursor.encode())
        return f"{http_url(request, services)}{beside.path}?{beside.query}"

    return JSONResponse({"results": list(page.rows), "next": url(page.next), "previous": url(page.previous)})


async def task_of(services: ApiServices, user: str, task_id: UUID) -> View:
    """A task of this user.  Raises Problem."""
    task = await States(services.database, services.hub).find(user, str(task_id))
    if task is None:
        raise not_found("task", "unknown_task")
    return task


@router.get(
    "/api/tasks/", response_model=TaskPage, responses=problems(401, 403, 422, 429, 503), operation_id="listTasks"
)
async def tasks(
    request: Request, reading: Reading, services: Using, query: Annotated[PageQuery, Query()]
) -> Response:
    """Your tasks, newest first."""
    user = await reading.of(query)
    page = await States(services.database, services.hub).page(user, cursor_of("tasks", query), query.limit)
    return page_answer(request, services, page)


@router.get(
    "/api/tasks/active/",
    response_model=TaskPage,
    responses=problems(401, 403, 422, 429, 503),
    operation_id="listActiveTasks",
)
async def active_tasks(
    request: Request, reading: Reading, services: Using, query: Annotated[Whose, Query()]
) -> Response:
    """Your tasks that have not ended, newest first, all on one page."""
    views = await States(services.database, services.hub).active(await reading.of(query))
    return page_answer(request, services, Page(views, None, None))


@router.get(
    "/api/tasks/{task_id}/",
    response_model=Task,
    responses=problems(401, 403, 404, 422, 429, 503),
    operation_id="getTask",
)
async def task(reading: Reading, services: Using, task_id: TaskId, query: Annotated[Whose, Query()]) -> Response:
    """One of your tasks."""
    return JSONResponse(await task_of(services, await reading.of(query), task_id))


@router.get(
    "/api/tasks/{task_id}/progress/",
    response_model=Progress,
    responses=problems(401, 403, 404, 422, 429, 503),
    operation_id="getProgress",
)
async def progress(
    reading: Reading, services: Using, task_id: TaskId, query: Annotated[Whose, Query()]
) -> Response:
    """How far a task is."""
    view = await task_of(services, await reading.of(query), task_id)
    names = ("task_id", "status", "progress", "current_step", "processed_items", "estimated_completion")
    return JSONResponse({name: view[name] for name in names} | {"total_items": view["quantity"]})


@router.post(
    "/api/tasks/{task_id}/cancel/",
    status_code=202,
    response_model=Submitted,
    responses=problems(401, 404, 409, 422, 429, 503),
    operation_id="cancelTask",
)
async def cancel(
    request: Request, user: User, services: Using, task_id: TaskId, idempotency_key: IdempotencyKey = None
) -> Response:
    """End a task: nothing more of it is begun, and what was delivered stays."""
    view = await States(services.database, services.hub).find(user, str(task_id))
    # one that no worker has come to yet is cancelled as well: its request is before this one in its partition
    if view is None and not services.submissions.sent(user, str(task_id)):
        raise not_found("task", "unknown_task")
    # with a key it may be the very cancel that has ended it, whose answer was lost: the worker knows
    if view is not None and view["status"] not in RUNNING and idempotency_key is None:
        raise Problem(409, "task_ended", f"the task is {view['status']} already")
    fields = {"task_id": str(task_id), "request_id": f"cancel-{uuid4().hex}"}
    if idempotency_key is not None:
        del fields["request_id"]
    return await submit(request, services, user, "cancel", idempotency_key, fields)

"""The answer to a POST that makes or ends a task."""

from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from gateway.api.bodies import request_of
from gateway.api.services import ApiServices
from gateway.api.submissions import task_of
from gateway.api.urls import http_url, websocket_url


async def submit(
    request: Request,
    services: ApiServices,
    user_id: str,
    type_: str,
    idempotency_key: str | None,
    fields: dict[str, Any],
) -> Response:
    """Answer a POST: 202 and where the task is.  Raises Problem, Unavailable.

    fields: those of the body; user, type and request_id are added.
    """
    wanted = request_of(type_, user_id, idempotency_key, fields)
    state = await services.submissions.send(wanted)
    task = task_of(wanted)
    status_url = f"{http_url(request, services)}/api/tasks/{task}/"
    body = {
        "task_id": task,
        "request_id": wanted.request_id,
        "status": state.status if state else None,
        "status_url": status_url,
        "websocket_url": websocket_url(request, services, user_id),
    }
    return JSONResponse(body, 202, {"Location": status_url})

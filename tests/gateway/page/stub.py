"""The page without a gateway: what calls are answered, and what the socket says, is the test's."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Route, WebSocketRoute

from gateway.api.page import FILES
from pipeline.tokens import TokenRules, sign

URL = "http://127.0.0.1:9"  # the port of the discard service: nobody is asked
RULES = TokenRules("x" * 32)
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
EMPTY: dict[str, object] = {"results": [], "next": None, "previous": None}
CAPACITY = {"total": {"exist": 10, "used": 0, "suppressed": 0, "left": 10}, "area_codes": []}

Answer = Callable[[Route], None]


def says(status: int, body: object) -> Answer:
    """An answer as JSON."""
    return lambda route: route.fulfill(status=status, json=body)


def away(route: Route) -> None:
    """No answer."""
    route.abort()


def token_of(user: str) -> str:
    """A token."""
    return sign(RULES, user, time.time())


def a_task(task_id: str, **fields: Any) -> dict[str, Any]:
    """A task that runs, as the API has it."""
    now = "2026-11-30T12:00:00.000Z"
    task = {
        "task_id": task_id,
        "request_id": "r",
        "user_id": "ann",
        "project_id": None,
        "task_name": "one",
        "type": "generate",
        "status": "running",
        "quantity": 1000,
        "processed_items": 0,
        "succeeded": 0,
        "failed_items": 0,
        "progress": 0.0,
        "batches_done": 0,
        "batches_total": 1,
        "current_step": "generating",
        "created_at": now,
        "started_at": now,
        "completed_at": None,
        "estimated_completion": None,
        "result_data": None,
        "error": None,
    }
    return task | fields


class Stub:
    """Answers for a page.

    answers: by method and path; asked: the calls that came; heard: what each socket was sent.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answers: dict[tuple[str, str], Answer] = {
            ("GET", "/page/settings.json"): says(200, {"websocket_url": "ws://127.0.0.1:9"}),
            ("GET", "/api/tasks/"): says(200, EMPTY),
            ("POST", "/api/capacity/"): says(200, CAPACITY),
        }
        self.asked: list[Request] = []
        self.sockets: list[WebSocketRoute] = []
        self.heard: list[list[dict[str, Any]]] = []
        page.route("**/*", self._answer)
        page.route_web_socket("**/ws/**", self._open)

    def open(self, user: str | None = "ann") -> None:
        """Load the page, signed in as a user or not at all."""
        if user is not None:
            self.page.add_init_script(f"sessionStorage.setItem('numberline-token', '{token_of(user)}')")
        self.page.goto(f"{URL}/")

    def send(self, type_: str, **fields: Any) -> None:
        """A message on the newest socket."""
        self.sockets[-1].send(json.dumps({"type": type_, "timestamp": "2026-11-30T12:00:00.000Z", **fields}))

    def until(self, true: Callable[[], object]) -> None:
        """Return once something is so."""
        ends = time.monotonic() + 30
        while not true():
            assert time.monotonic() < ends
            self.page.wait_for_timeout(20)

    def until_called(self, method: str, path: str, times: int) -> None:
        """Return once a call has come so often."""
        self.until(lambda: len(self.calls(method, path)) >= times)

    def calls(self, method: str, path: str) -> list[Request]:
        """Those that came."""
        return [one for one in self.asked if (one.method, urlsplit(one.url).path) == (method, path)]

    def _answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        self.asked.append(route.request)
        if (answer := self.answers.get((route.request.method, path))) is not None:
            answer(route)
            return
        file = FILES / ("index.html" if path == "/" else path.removeprefix("/page/"))
        if file.is_file():
            route.fulfill(body=file.read_text(), content_type=TYPES[file.suffix])
        else:
            route.fulfill(status=404, json={"detail": f"no answer to {path}", "code": "not_found"})

    def _open(self, socket: WebSocketRoute) -> None:
        heard: list[dict[str, Any]] = []
        self.sockets.append(socket)
        self.heard.append(heard)
        socket.on_message(lambda text: heard.append(json.loads(text)))

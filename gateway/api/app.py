"""The application: the calls, their errors and their description."""

import time
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.address import networks_of
from gateway.api import capacity, generate, numbers, page, problems, statistics, tasks, upload, validate, verdicts
from gateway.api.exports import Exports
from gateway.api.problems import ProblemBody
from gateway.api.rates import Rate, Rates
from gateway.api.services import ApiServices
from gateway.api.submissions import Submissions
from gateway.audit import Audit
from gateway.authenticator import Authenticator
from gateway.database import Database
from gateway.holders import HoldersReader
from gateway.hub import Hub
from gateway.producer import GatewayProducer
from gateway.supply import Supply
from gateway.suppressed import SuppressedReader
from pipeline.errors import SettingsInvalid
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings, variable
from pipeline.tracing import OFF, Tracing

VERSION = "1"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ABOUT = """Ask for North American phone numbers, watch them come, and read them.

Every call needs `Authorization: Bearer TOKEN`. Errors are `application/problem+json` (RFC 9457); lists are paged by
cursor. Tasks as they move are heard of on the WebSocket gateway."""
EXPOSED_HEADERS = ["Content-Disposition", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"]
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def build_services(
    settings: Settings, hub: Hub, metrics: GatewayMetrics, authenticator: Authenticator, tracing: Tracing = OFF
) -> ApiServices:
    """What the API uses; nothing is connected before its first use.

    Raises SettingsInvalid where requests must be signed and there is no secret to sign them by.
    """
    if settings.auth_requests == "required" and settings.auth_secret is None:
        text = f"must be set where {variable('auth_requests')} is required: the gateway signs its users' requests"
        raise SettingsInvalid({variable("auth_secret"): text})
    producer = GatewayProducer(settings, tracing)
    database = Database(settings.database_url.get_secret_value(), settings.http_database_connections)
    metrics.watch_pool(database.stats)
    return ApiServices(
        settings,
        hub,
        database,
        producer,
        Submissions(producer, hub),
        authenticator,
        Audit(producer.record),
        networks_of(settings.trusted_proxies),
        Rates(settings.http_calls_per_minute),
        Exports(),
        metrics,
        Supply(settings),
        HoldersReader(database),
        SuppressedReader(database),
    )


def build_app(services: ApiServices, tracing: Tracing = OFF) -> FastAPI:
    """The ASGI application of one gateway. The spans of its calls are the framework's own."""
    app = FastAPI(
        title="numberline",
        version=VERSION,
        description=ABOUT,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        telemetry={
            "tracer_provider": tracing.provider,
            "tracing": tracing.provider is not None,
            "operation_spans": False,
            "metrics": False,
            "logs": False,
            "auto_configure": False,
        },
    )
    app.state.services = services
    for part in (generate, validate, tasks, verdicts, numbers, statistics, capacity, upload, page):
        app.include_router(part.router)
    page.serve_files(app)
    problems.install(app)
    app.add_middleware(_Observed, services=services, app_routes=app)
    if origins := [one.strip().rstrip("/") for one in services.settings.allowed_origins.split(",") if one.strip()]:
        app.add_middleware(  # the outermost: errors are for those pages too
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "traceparent", "tracestate"],
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )
    app.openapi = lambda: description(app)  # type: ignore[method-assign]
    return app


def description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description: the framework's, with our errors in the place of its own."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        components |= {**problem.pop("$defs", {}), "ProblemBody": problem}
        app.openapi_schema = schema
    return app.openapi_schema


class _Observed:
    """Around every call: its metrics, and the headers that every answer has."""

    def __init__(self, app: ASGIApp, services: ApiServices, app_routes: FastAPI) -> None:
        self._app, self._metrics, self._routes = app, services.metrics, app_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        # whatever a client calls a method would be a series of its own
        method = scope["method"] if scope["method"] in METHODS else "other"
        path = self._path(scope)

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                rate: Rate | None = scope.get("state", {}).get("rate")
                extra = [(k.lower().encode(), v.encode()) for k, v in rate.headers().items()] if rate else []
                present = {name for name, _ in message["headers"]}
                added = [one for one in (*SECURITY_HEADERS, *extra) if one[0] not in present]
                message["headers"] = [*message["headers"], *added]
                self._count(method, path, message["status"], began)
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception:  # a defect, which the framework answers farther out
            self._count(method, path, 500, began)
            raise

    def _count(self, method: str, path: str, status: int, began: float) -> None:
        self._metrics.http_requests.labels(method, path, str(status)).inc()
        self._metrics.http_seconds.labels(method, path).observe(time.perf_counter() - began)

    def _path(self, scope: Scope) -> str:
        """The path of the route; every path that is none is one."""
        for route in self._routes.routes:
            if route.matches(scope)[0] == Match.FULL:
                return str(getattr(route, "path", "other"))
        return "other"

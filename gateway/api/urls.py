"""Addresses in answers: those that the client reached us by, or those that the installation names."""

from fastapi import Request

from gateway.api.services import ApiServices
from pipeline.settings import in_url


def http_url(request: Request, services: ApiServices) -> str:
    """Where this API is, without a slash at the end."""
    if services.settings.http_url is not None:
        return services.settings.http_url.rstrip("/")
    return str(request.base_url).rstrip("/")


def websocket_url(request: Request, services: ApiServices, user_id: str | None = None) -> str:
    """Where the WebSocket gateway is; of a user, all of their tasks."""
    base = services.settings.gateway_url
    if base is None:
        scheme = "wss" if request.url.scheme == "https" else "ws"
        base = f"{scheme}://{_host(request)}:{services.gateway_port}"
    return base.rstrip("/") + (f"/ws/tasks/{user_id}/" if user_id else "")


def _host(request: Request) -> str:
    return in_url(request.base_url.hostname or "127.0.0.1")

"""The page at / and the reference at /docs: files as they are, which ask nobody but this gateway."""

from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway.api.services import Using
from gateway.api.urls import websocket_url

FILES = Path(__file__).parents[1] / "page"
# what is not named may not be loaded; the WebSocket has another port, so another origin
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self' ws: wss:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """The page of users."""
    return FileResponse(FILES / "index.html", headers=HEADERS)


@router.get("/docs")
async def docs() -> Response:
    """The reference, out of the description."""
    return FileResponse(FILES / "docs.html", headers=HEADERS)


@router.get("/page/settings.json")
async def settings(request: Request, services: Using) -> Response:
    """What the page cannot know by itself."""
    return JSONResponse({"websocket_url": websocket_url(request, services)}, headers=HEADERS)


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, asked for again each time: a new version is seen at once."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def serve_files(app: FastAPI) -> None:
    """The page's own files."""
    app.mount("/page", _Files(directory=FILES))

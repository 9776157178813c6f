"""Which other pages may call: those that the settings name, and no other."""

import httpx
import pytest
from prometheus_client import CollectorRegistry

from gateway.api.app import build_app, build_services
from gateway.authenticator import Authenticator
from gateway.hub import Hub
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings
from pipeline.tokens import TokenRules


async def answers(allowed: str, origin: str) -> tuple[httpx.Response, httpx.Response]:
    """A preflight and a call without a token, of a page, to a gateway with this list."""
    metrics = GatewayMetrics(CollectorRegistry())
    settings = Settings(allowed_origins=allowed)
    app = build_app(build_services(settings, Hub(), metrics, Authenticator(TokenRules(None))))
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization,content-type,idempotency-key"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        preflight = await client.options("/api/generate-numbers-enhanced/", headers=asked)
        return preflight, await client.get("/api/tasks/", headers={"Origin": origin})


@pytest.mark.parametrize("allowed", ["https://app.example", "https://other.example, https://app.example/"])
async def test_a_page_that_is_named_may_call(allowed: str) -> None:
    """And reads errors too; cookies are none of it."""
    preflight, refused = await answers(allowed, "https://app.example")
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in refused.headers


@pytest.mark.parametrize(
    ("allowed", "origin"), [("", "https://app.example"), ("https://app.example", "https://evil.example")]
)
async def test_any_other_page_may_not(allowed: str, origin: str) -> None:
    """No header that a browser would take for a yes."""
    for answer in await answers(allowed, origin):
        assert "access-control-allow-origin" not in answer.headers

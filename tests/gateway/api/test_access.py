"""Who is let in, how often, and what others are told: nothing."""

import re
import time
from typing import Any

import httpx
import pytest

from embedded.ports import free_port
from pipeline.tokens import TokenRules, sign
from tests.fix_installation import Installation
from tests.gateway.api.conftest import MakeClient
from tests.gateway.api.test_submission import problem
from tests.processes import get, wait_until


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "the authorization header must be, once: Bearer TOKEN"),
        ("Basic YTpi", "the authorization header must be, once: Bearer TOKEN"),
        ("Bearer x", "the token is not valid: Not enough segments"),
    ],
)
def test_without_a_good_token_nothing_is_told(installation: Installation, header: str | None, detail: str) -> None:
    """401 with the challenge that RFC 6750 asks for, and nothing of the token in the log."""
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(
        f"http://127.0.0.1:{installation.settings.http_port}/api/tasks/", headers=headers, trust_env=False
    )
    assert problem(answer, 401)["detail"] == detail
    assert answer.headers["www-authenticate"] == 'Bearer realm="numberline"'


def test_an_expired_token_and_one_of_another_secret_open_nothing(installation: Installation) -> None:
    """Each is counted, and neither is ever written to the log."""
    url = f"http://127.0.0.1:{installation.settings.http_port}/api/tasks/"
    rules = TokenRules.of(installation.settings)
    failures = 'numberline_authentication_failures_total{reason="not_authenticated"}'
    before = installation.running["gateway"].metric(failures)
    tokens = [sign(rules, "ann", time.time() - 7200), sign(TokenRules("x" * 32), "ann", time.time())]
    for token in tokens:
        answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        assert problem(answer, 401)["code"] == "not_authenticated"
    assert installation.running["gateway"].metric(failures) == before + len(tokens)
    log = (installation.directory / "gateway.log").read_text()
    assert not any(token in log for token in tokens)


def test_every_answer_says_how_many_calls_are_left(client: MakeClient) -> None:
    """By the draft's two headers."""
    kim = client("kim")
    first, second = kim.get("/api/tasks/"), kim.get("/api/tasks/")
    assert first.headers["ratelimit-policy"] == '"default";q=1200;w=60'
    left = [int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")) for answer in (first, second)]
    assert 0 < left[1] <= left[0] < 1200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing/", 404, "not_found"),
        ("DELETE", "/api/tasks/", 405, "method_not_allowed"),
        ("GET", "/api/generate-numbers-enhanced/", 405, "method_not_allowed"),
    ],
)
def test_what_is_no_call_is_a_problem_too(
    client: MakeClient, method: str, path: str, status: int, code: str
) -> None:
    """In the one form of all errors."""
    assert problem(client("kim").request(method, path), status)["code"] == code


def test_the_description_is_open_to_all(installation: Installation) -> None:
    """OpenAPI 3.1, with every error in the form of RFC 9457."""
    url = f"http://127.0.0.1:{installation.settings.http_port}/api/openapi.json"
    found: dict[str, Any] = httpx.get(url, trust_env=False).raise_for_status().json()
    assert found["openapi"].startswith("3.1")
    for calls in found["paths"].values():
        for call in calls.values():
            failing = {status for status in call["responses"] if not status.startswith("2")}
            assert {"401", "429", "500", "503"} <= failing
            for status in failing:
                assert list(call["responses"][status]["content"]) == ["application/problem+json"]


def test_one_call_too_many_is_429_until_it_is_allowed_again(installation: Installation, client: MakeClient) -> None:
    """By user, or by the address that a trusted proxy names; with the standard headers, and nobody else's calls."""
    port, gateway_port = free_port(), free_port()
    settings = {
        "NUMBERLINE_HTTP_PORT": str(port),
        "NUMBERLINE_GATEWAY_PORT": str(gateway_port),
        "NUMBERLINE_HTTP_CALLS_PER_MINUTE": "2",
        "NUMBERLINE_TRUSTED_PROXIES": "127.0.0.1",
    }
    with installation.process("gateway", "few-calls", **settings):
        wait_until(lambda: get(f"http://127.0.0.1:{gateway_port}/readyz"), 60, "ready gateway")
        kim, lee, nobody = client("kim", port=port), client("lee", port=port), client("x", port=port)
        nobody.headers["authorization"] = "Bearer x"
        assert [kim.get("/api/tasks/").headers["ratelimit"].split(";")[1] for _ in range(2)] == ["r=1", "r=0"]
        refused = kim.get("/api/tasks/")
        assert problem(refused, 429)["code"] == "too_many_requests"
        assert problem(refused, 429)["detail"] == "more than 2 calls a minute"
        assert refused.headers["retry-after"] == "30"
        assert refused.headers["ratelimit-policy"] == '"default";q=2;w=60'
        assert re.fullmatch(r'"default";r=0;t=\d+', refused.headers["ratelimit"])
        assert lee.get("/api/tasks/").status_code == 200

        def status(address: str) -> int:
            return nobody.get("/api/tasks/", headers={"X-Forwarded-For": address}).status_code

        found = [status(one) for one in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "6.6.6.6, 192.0.2.1")]
        assert found == [401, 401, 429, 401, 429]

"""Pages that may open a connection."""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from gateway.origins import Origins
from pipeline.settings import Settings
from tests.gateway.events import token
from tests.gateway.harness import Gateway, opened


def allowed(origins: list[str], **settings: Any) -> bool:
    return Origins(Settings(**settings)).allow(origins)


@pytest.mark.parametrize(
    ("origins", "settings", "answer"),
    [
        ([], {}, True),  # no browser
        (["http://127.0.0.1:6160"], {}, True),
        (["http://localhost:6160"], {}, True),
        (["http://localhost:6161"], {}, False),
        (["https://localhost:6160"], {}, False),
        (["http://[::1]:6160"], {"host": "::"}, True),
        (["http://[fd00::7]:6160"], {"host": "fd00::7"}, True),
        (["http://[fd00::8]:6160"], {"host": "fd00::7"}, False),
        (["null"], {}, False),
        (["https://a.example"], {}, False),
        (["https://a.example"], {"allowed_origins": "https://b.example, https://A.example/"}, True),
        (["https://a.example.evil"], {"allowed_origins": "https://a.example"}, False),
        (["https://a.example", "https://a.example"], {"allowed_origins": "https://a.example"}, False),
        (["https://any.example"], {"allowed_origins": "*"}, True),
        (["https://api.example"], {"http_url": "https://api.example/numbers"}, True),
    ],
)
def test_an_origin_is_allowed_by_name(origins: list[str], settings: dict[str, Any], answer: bool) -> None:
    assert allowed(origins, **settings) is answer


def test_the_page_of_a_port_that_was_free_is_known_once_it_is() -> None:
    origins = Origins(Settings(http_port=0))
    origins.serve_page(43210)
    assert origins.allow(["http://127.0.0.1:43210"])


async def test_a_page_from_elsewhere_is_answered_403(gateway: Gateway) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(gateway.port, header=f"Bearer {token()}", origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    assert refused.value.response.body == b"this page's origin is not in NUMBERLINE_ALLOWED_ORIGINS\n"
    assert gateway.metric("numberline_authentication_failures_total", reason="origin") == 1

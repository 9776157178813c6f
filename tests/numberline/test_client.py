"""Where the client of the command line finds the gateway."""

import pytest
from websockets.uri import parse_uri

from numberline.client import gateway_url
from pipeline.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "gateway.example", "::1", "fd00::7"])
def test_a_gateway_is_found_by_whatever_address_it_has(host: str) -> None:
    found = parse_uri(gateway_url(Settings(host=host, gateway_port=6161), "ann"))
    assert (found.host, found.port, found.path) == (host, 6161, "/ws/tasks/ann/")

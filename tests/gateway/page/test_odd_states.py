"""The page in a real Chromium, where a gateway says what it seldom says."""

import pytest
from playwright.sync_api import expect

from schemas.identity import IDENTIFIER
from tests.gateway.page.conftest import OpenPage
from tests.gateway.page.stub import Stub

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def stub(new_page: OpenPage) -> Stub:
    """A page whose gateway is the test, and answers at once."""
    expect.set_options(timeout=20_000)
    return Stub(new_page())


def test_a_cut_before_anything_was_resumed_loses_no_position(stub: Stub) -> None:
    """Kafka is away from the gateway, which closes with 1013: the page comes back with the position that it had,
    and not with the newer one of the connection that told it nothing."""
    stub.open()
    stub.until(lambda: stub.heard and stub.heard[0])
    stub.send("connection_established", position="0-5-00000000")
    expect(stub.page.locator(".connection")).to_have_text("live")
    stub.sockets[0].close(code=1001)
    stub.until(lambda: len(stub.heard) == 2 and len(stub.heard[1]) == 2)
    stub.send("connection_established", position="0-9-00000000")
    stub.sockets[1].close(code=1013)
    stub.until(lambda: len(stub.heard) == 3 and len(stub.heard[2]) == 2)
    assert stub.heard[2][1] == {"type": "resume", "position": "0-5-00000000"}


def test_a_page_that_came_without_tls_can_ask(stub: Stub) -> None:
    """A browser gives crypto.randomUUID to https and this machine alone; gateways are opened by other names too."""
    stub.page.add_init_script("delete Crypto.prototype.randomUUID")
    stub.open()
    expect(stub.page.locator(".capacity")).to_contain_text("10 of 10 numbers are left")
    keys = {call.headers["idempotency-key"] for call in stub.calls("POST", "/api/capacity/")}
    assert keys
    assert all(IDENTIFIER.fullmatch(key) for key in keys)

"""The page in a real Chromium, where a gateway says what it seldom says."""

import pytest
from playwright.sync_api import expect

from schemas.identity import IDENTIFIER
from tests.gateway.page.conftest import OpenPage
from tests.gateway.page.stub import Answer, Stub, away, says

pytestmark = pytest.mark.timeout(300)
TASK = "67c37db2-5f46-5504-a1ae-9fe9d23fa812"


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


@pytest.mark.parametrize("answer", [away, says(503, {"detail": "Kafka did not answer"})])
def test_asking_again_where_no_answer_came_is_the_same_task(stub: Stub, answer: Answer) -> None:
    """The request may be on Kafka already: a second one would give out as many numbers again."""
    path, generate = "/api/generate-numbers-enhanced/", stub.page.get_by_role("button", name="Generate")
    stub.answers["POST", path] = answer
    stub.open()
    generate.click()
    expect(stub.page.locator("form > .problem")).to_be_visible()
    stub.answers["POST", path] = says(202, {"task_id": TASK, "status": None})
    for asked in (2, 3):
        generate.click()
        stub.until_called("POST", path, asked)
        expect(generate).to_be_enabled()
    first, second, third = (call.headers["idempotency-key"] for call in stub.calls("POST", path))
    assert first == second != third  # what was answered is done: the same form again is another task

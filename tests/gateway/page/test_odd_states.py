"""The page in a real Chromium, where a gateway says what it seldom says."""

import pytest
from playwright.sync_api import Route, expect

from schemas.identity import IDENTIFIER
from tests.gateway.page.conftest import OpenPage
from tests.gateway.page.stub import Answer, Stub, a_task, away, says, token_of

pytestmark = pytest.mark.timeout(300)
TASK, OTHER = "67c37db2-5f46-5504-a1ae-9fe9d23fa812", "0d8f1c52-3b0c-5b3e-9f6b-1f2e3d4c5b6a"


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


def test_the_state_of_an_ended_task_is_asked_for_until_it_comes(stub: Stub) -> None:
    """A call that fails, or is answered by a gateway that has not heard of the end, is not the last one."""
    path = f"/api/tasks/{TASK}/"
    stub.open()
    stub.until(lambda: stub.heard and stub.heard[0])
    stub.send("connection_established", position="0-5-00000000")
    stub.send("task_started", task_id=TASK, position="0-6-00000000", task=a_task(TASK))
    item = stub.page.get_by_role("listitem").filter(has_text="one")
    expect(item).to_contain_text("0 of 1,000")
    for number, answer in enumerate((away, says(503, {}), says(200, a_task(TASK, processed_items=500)))):
        stub.answers["GET", path] = answer
        if number == 0:
            stub.send("task_completed", task_id=TASK, position="0-7-00000000", result_data={})
        stub.until_called("GET", path, number + 1)
    expect(item.locator(".status")).to_have_text("completed")
    stub.answers["GET", path] = says(200, a_task(TASK, status="completed", processed_items=1000))
    expect(item).to_contain_text("1,000 of 1,000")
    expect(item.locator(".status")).to_have_text("completed")


def test_what_one_user_asked_for_is_not_shown_to_the_next(stub: Stub) -> None:
    """The answer comes when somebody else has signed in, in the same tab."""
    held: list[Route] = []
    stub.answers["GET", f"/api/tasks/{TASK}/"] = held.append
    stub.open()
    stub.until(lambda: stub.heard and stub.heard[0])
    stub.send("connection_established", position="0-5-00000000")
    stub.send("task_progress", task_id=TASK, position="0-6-00000000")
    stub.until(lambda: held)
    stub.page.get_by_role("button", name="Sign out").click()
    stub.page.get_by_label("Your token").fill(token_of("bob"))
    stub.page.get_by_role("button", name="Sign in").click()
    stub.until(lambda: len(stub.heard) == 2 and stub.heard[1])
    held[0].fulfill(json=a_task(TASK))
    stub.send("connection_established", position="0-5-00000000")
    stub.send("task_started", task_id=OTHER, position="0-7-00000000", task=a_task(OTHER, task_name="his"))
    expect(stub.page.get_by_role("link", name="his", exact=True)).to_be_visible()
    expect(stub.page.get_by_role("link", name="one", exact=True)).to_have_count(0)


def test_a_task_that_is_sent_and_cannot_be_read_yet_is_no_refusal(stub: Stub) -> None:
    """Whoever read a problem would send it again; the connection tells of the task."""
    stub.answers["POST", "/api/generate-numbers-enhanced/"] = says(202, {"task_id": TASK, "status": "running"})
    stub.answers["GET", f"/api/tasks/{TASK}/"] = says(503, {"detail": "PostgreSQL did not answer"})
    stub.open()
    stub.page.get_by_role("button", name="Generate").click()
    expect(stub.page.locator(".announcer")).to_have_text("submitted")
    expect(stub.page.locator("form > .problem")).to_have_count(0)


def test_a_task_whose_user_signs_out_as_it_is_sent_is_nobodys(stub: Stub) -> None:
    """The answer comes to a page that is left: it asks as the user that it had, and then no more."""
    held: list[Route] = []
    stub.answers["POST", "/api/generate-numbers-enhanced/"] = held.append
    stub.answers["GET", f"/api/tasks/{TASK}/"] = says(503, {"detail": "PostgreSQL did not answer"})
    stub.open()
    stub.page.get_by_role("button", name="Generate").click()
    stub.until(lambda: held)
    stub.page.get_by_role("button", name="Sign out").click()
    held[0].fulfill(status=202, json={"task_id": TASK, "status": "running"})
    expect(stub.page.locator(".announcer")).to_have_text("submitted")
    assert len(stub.calls("GET", f"/api/tasks/{TASK}/")) == 1
    expect(stub.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_list_that_is_sent_twice_at_once_is_one_task(stub: Stub) -> None:
    """A double click."""
    path, button = "/api/bulk-validate/", stub.page.get_by_role("button", name="Validate")
    stub.answers["POST", path] = says(202, {"task_id": TASK, "status": None})
    stub.open()
    stub.page.get_by_role("link", name="Validate").click()
    stub.page.get_by_label("Numbers one a line").fill("+1 402 555 0100")
    button.evaluate("button => { button.click(); button.click(); }")
    expect(stub.page.locator(".announcer")).to_have_text("submitted")
    expect(button).to_be_enabled()
    assert len(stub.calls("POST", path)) == 1


@pytest.mark.parametrize("answer", [away, says(502, {})])
def test_a_page_that_finds_no_gateway_says_so_and_goes_on(stub: Stub, answer: Answer) -> None:
    """Loaded anew while the gateway is started again: what was an empty page is one that waits."""
    settings = stub.answers["GET", "/page/settings.json"]
    stub.answers["GET", "/page/settings.json"] = answer
    stub.open()
    expect(stub.page.get_by_role("alert")).to_have_text("The gateway cannot be reached; trying again.")
    stub.answers["GET", "/page/settings.json"] = settings
    expect(stub.page.get_by_role("button", name="Generate")).to_be_visible()
    expect(stub.page.get_by_role("alert")).to_have_count(0)


def test_signing_in_twice_at_once_is_one_connection(stub: Stub) -> None:
    """A double click: a second connection would go on after the user has signed out."""
    stub.open(user=None)
    stub.page.get_by_label("Your token").fill(token_of("ann"))
    button = stub.page.get_by_role("button", name="Sign in")
    button.evaluate("button => { button.click(); button.click(); }")
    expect(stub.page.get_by_role("button", name="Generate")).to_be_visible()
    stub.until(lambda: stub.heard and stub.heard[0])
    assert len(stub.sockets) == 1


def test_a_broken_rule_of_boxes_stands_in_their_group(stub: Stub) -> None:
    """Prefix data of one's own may have no pagers; a field that the form does not have is told above it."""
    errors = [
        {"field": "line_types", "message": "no numbers of line type pager"},
        {"field": "item", "message": "is not a field of this request"},
    ]
    stub.answers["POST", "/api/generate-numbers-enhanced/"] = says(422, {"detail": "both", "errors": errors})
    stub.open()
    stub.page.get_by_label("pager").check()
    stub.page.get_by_role("button", name="Generate").click()
    expect(stub.page.get_by_role("group", name="Line types")).to_contain_text("no numbers of line type pager")
    expect(stub.page.get_by_label("wireless")).to_have_accessible_description("no numbers of line type pager")
    expect(stub.page.get_by_role("alert")).to_have_text("item: is not a field of this request")
    expect(stub.page.get_by_role("button", name="Generate")).to_be_enabled()


def test_what_is_told_again_revives_no_ended_task(stub: Stub) -> None:
    """After a resume, of a task whose end the page has read meanwhile; a refused one that is corrected begins."""
    ended = a_task(TASK, status="completed", processed_items=1000, completed_at="2026-11-30T12:00:01.000Z")
    refused = a_task(OTHER, status="failed", quantity=0, current_step="refused", task_name=None)
    stub.answers["GET", "/api/tasks/"] = says(200, {"results": [ended, refused], "next": None, "previous": None})
    stub.open()
    over = stub.page.get_by_role("listitem").filter(has_text="one")
    corrected = stub.page.get_by_role("listitem").filter(has_text="corrected")
    expect(over.locator(".status")).to_have_text("completed")
    stub.send("connection_established", position="0-5-00000000")
    progress = {"status": "running", "progress": 50.0, "current_step": "generating", "processed_items": 500}
    stub.send("task_progress", task_id=TASK, position="0-6-00000000", estimated_completion=None, **progress)
    stub.send("task_started", task_id=OTHER, position="0-7-00000000", task=a_task(OTHER, task_name="corrected"))
    expect(corrected).to_contain_text("0 of 1,000")
    expect(corrected.locator(".status")).to_have_text("running")
    expect(over.locator(".status")).to_have_text("completed")
    expect(over).to_contain_text("1,000 of 1,000")

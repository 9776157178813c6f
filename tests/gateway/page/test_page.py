"""The page in a real Chromium, on real servers: what a user does, and what becomes of it."""

import json
import re
import signal
import time
import uuid

import pytest
from playwright.sync_api import Page, expect

from embedded.ports import free_port
from pipeline.tokens import TokenRules, sign
from tests.fix_installation import Installation
from tests.gateway.page.conftest import OpenPage
from tests.processes import get, wait_until

pytestmark = [pytest.mark.usefixtures("worker"), pytest.mark.timeout(600)]


def sign_in(page: Page, installation: Installation, user: str, port: int | None = None) -> Page:
    """Open the page and sign in as a user, by keyboard alone: the token is one line, so Enter sends it."""
    page.goto(f"http://127.0.0.1:{port or installation.settings.http_port}/")
    token = sign(TokenRules.of(installation.settings), user, time.time())
    page.get_by_label("Your token").focus()
    page.keyboard.insert_text(token)
    page.keyboard.press("Enter")
    expect(page.locator(".connection")).to_have_text("live")
    return page


def generate(page: Page, quantity: int, area_codes: str = "", name: str = "") -> None:
    """Fill the form and send it."""
    page.get_by_label("How many").fill(str(quantity))
    page.get_by_label("Area codes").fill(area_codes)
    page.get_by_label("Name of the task").fill(name)
    page.get_by_role("button", name="Generate").click()


def user_named(name: str) -> str:
    """A user of this test alone."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def test_a_user_asks_watches_reads_and_downloads(installation: Installation, new_page: OpenPage) -> None:
    """From the form to the file, which is what PostgreSQL holds."""
    user = user_named("ann")
    page = sign_in(new_page(accept_downloads=True), installation, user)
    generate(page, 120, "402, 531", "Spring <b>test</b>")
    item = page.get_by_role("listitem").filter(has_text="Spring <b>test</b>")
    expect(item.locator(".status")).to_have_text("completed")
    expect(item).to_contain_text("120 of 120")
    expect(page.locator(".announcer")).to_have_text("Spring <b>test</b> is completed")
    item.get_by_role("link").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("button", name="Next page").click()
    expect(rows).to_have_count(20)
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    page.get_by_label("Area code").fill("531")
    page.get_by_role("button", name="Filter").click()
    expect(rows.first).to_contain_text("+1531")
    page.get_by_label("Area code").fill("")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download TXT").click()
    saved = download.value.path().read_text().split()
    stored = installation.rows(
        "SELECT number FROM phone_numbers WHERE user_id = %s ORDER BY batch_id, number_value", user
    )
    assert saved == [number for (number,) in stored]
    assert download.value.suggested_filename.endswith(".txt")


def test_two_quick_turns_are_two_pages(installation: Installation, new_page: OpenPage) -> None:
    """The second is meant from where the first leads, though that is not there yet."""
    page = sign_in(new_page(), installation, user_named("abe"))
    generate(page, 120, "402")
    page.get_by_role("listitem").filter(has_text="120 of 120").get_by_role("link").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Next page").evaluate("button => { button.click(); button.click(); }")
    expect(rows).to_have_count(20)
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()


def test_a_cut_connection_comes_back_and_misses_nothing(installation: Installation, new_page: OpenPage) -> None:
    """The gateway is killed while a task runs and another begins: the page goes on without being loaded again."""
    user, http_port, ws_port = user_named("ben"), free_port(), free_port()
    ports = {"NUMBERLINE_HTTP_PORT": str(http_port), "NUMBERLINE_GATEWAY_PORT": str(ws_port)}

    def ready() -> object:
        return get(f"http://127.0.0.1:{ws_port}/readyz")

    with installation.process("gateway", "cut", **ports) as gateway:
        wait_until(ready, 60, "ready gateway")
        page = sign_in(new_page(), installation, user, http_port)
        page.evaluate("window.notReloaded = true")
        generate(page, 300_000, "", "long one")
        item = page.get_by_role("listitem").filter(has_text="long one")
        expect(item.get_by_role("progressbar")).to_be_visible()
        gateway.stop(signal.SIGKILL)
    expect(page.locator(".connection")).to_have_text("cut off, trying again")
    meanwhile = installation.request(user, quantity=10, area_code="402", task_name="meanwhile")
    installation.produce(json.dumps(meanwhile).encode())
    with installation.process("gateway", "cut", **ports):
        expect(page.locator(".connection")).to_have_text("live")
        expect(item.locator(".status")).to_have_text("completed")
        expect(item).to_contain_text("300,000 of 300,000")
        other = page.get_by_role("listitem").filter(has_text="meanwhile")
        expect(other.locator(".status")).to_have_text("completed")
        assert page.evaluate("window.notReloaded") is True


def test_two_users_see_their_own_alone(installation: Installation, new_page: OpenPage) -> None:
    """Not in the list, not by the address of a task."""
    ann, bob = user_named("ann"), user_named("bob")
    hers, his = (sign_in(new_page(), installation, user) for user in (ann, bob))
    generate(hers, 10, "402", "hers")
    generate(his, 10, "402", "his")
    for page, own, foreign in ((hers, "hers", "his"), (his, "his", "hers")):
        expect(page.get_by_role("link", name=own, exact=True)).to_be_visible()
        expect(page.locator(".status").first).to_have_text("completed")
        expect(page.get_by_role("link", name=foreign, exact=True)).to_have_count(0)
    hers.get_by_role("link", name="hers", exact=True).click()
    his.goto(hers.url)
    expect(his.get_by_role("alert")).to_have_text("you have no such task")


def test_a_broken_rule_stands_beside_its_field(installation: Installation, new_page: OpenPage) -> None:
    """In the validator's words, tied to the control for a screen reader; corrected, it goes."""
    page = sign_in(new_page(), installation, user_named("cat"))
    generate(page, 0, "299")
    quantity = page.get_by_label("How many")
    expect(quantity).to_have_attribute("aria-invalid", "true")
    expect(quantity).to_have_accessible_description("must be a whole number from 1 to 1000000; got 0")
    expect(quantity).to_be_focused()
    generate(page, 5, "299")
    expect(page.get_by_label("Area codes")).to_have_accessible_description("299 is not an area code in use")
    refused = page.get_by_role("listitem").filter(has_text="refused request")
    expect(refused.locator(".status")).to_have_text("failed")
    expect(refused).not_to_contain_text("0 of 0")
    generate(page, 5, "402")
    expect(page.locator(".rule")).to_have_count(0)
    expect(page.locator(".status").first).to_have_text("completed")


def test_a_running_task_is_cancelled(installation: Installation, new_page: OpenPage) -> None:
    """By its button; what was delivered is said."""
    page = sign_in(new_page(), installation, user_named("dan"))
    generate(page, 1_000_000, "", "too many")
    item = page.get_by_role("listitem").filter(has_text="too many")
    item.get_by_role("button", name="Cancel").click()
    expect(item.locator(".status")).to_have_text("cancelled")
    expect(item).to_contain_text(re.compile(r"[\d,]+ of 1,000,000"))


def test_statistics_are_a_table_and_bars(installation: Installation, new_page: OpenPage) -> None:
    """The same figures for the eye and for a screen reader."""
    page = sign_in(new_page(), installation, user_named("eva"))
    generate(page, 300, "402")
    expect(page.locator(".status").first).to_have_text("completed")
    page.get_by_role("link", name="Statistics").click()
    row = page.get_by_role("table", name="Area codes").get_by_role("row").nth(1)
    expect(row).to_contain_text("402")
    expect(row).to_contain_text("300")
    expect(row.get_by_role("img", name="100.0 %")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_every_part_fits_and_can_be_read(
    installation: Installation, new_page: OpenPage, scheme: str, width: int
) -> None:
    """No part is wider than the window, down to 320 pixels (WCAG 2.2, 1.4.10); text stands out in both schemes."""
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    sign_in(page, installation, user_named("fay"))
    generate(page, 60, "402", "a" * 60)
    expect(page.locator(".status").first).to_have_text("completed")
    parts = ["Tasks", "Validate", "Statistics"]
    for part in parts:
        page.get_by_role("link", name=part, exact=True).click()
        expect(page).to_have_title(f"{part} · numberline")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, part
    page.goto(page.url.partition("#")[0] + "docs")
    expect(page.get_by_role("heading", name="The HTTP API")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "docs"
    assert page.evaluate(CONTRAST) >= 4.5


CONTRAST = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const { color, backgroundColor } = getComputedStyle(document.body);
  const [a, b] = [light(color), light(backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


def test_keyboard_alone_reaches_everything(installation: Installation, new_page: OpenPage) -> None:
    """The first stop skips to the content; every control of the form can be reached in order."""
    page = sign_in(new_page(), installation, user_named("gil"))
    page.reload()  # signed in as before, and the focus at the beginning
    expect(page.locator(".connection")).to_have_text("live")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    reached = []
    for _ in range(15):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.textContent"))
    assert [one for one in reached if one in ("quantity", "area_codes", "states", "carriers", "Generate")] == [
        "quantity", "area_codes", "states", "carriers", "Generate",
    ]  # fmt: skip


def test_a_token_that_is_none_is_said_at_once(installation: Installation, new_page: OpenPage) -> None:
    """And one that the gateway refuses brings back the form, with the reason."""
    page = new_page()
    page.goto(f"http://127.0.0.1:{installation.settings.http_port}/")
    page.get_by_label("Your token").fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This is no token: it has three parts with dots between them.")
    page.get_by_label("Your token").fill(sign(TokenRules("x" * 32), "eve", time.time()))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Sign in again")
    assert page.evaluate("sessionStorage.length") == 0


def test_a_pasted_list_and_a_dropped_file_are_judged(installation: Installation, new_page: OpenPage) -> None:
    """With the reasons counted; of a CSV file its first column."""
    page = sign_in(new_page(), installation, user_named("hal"))
    page.get_by_role("link", name="Validate").click()
    page.get_by_label("Numbers one a line").fill("+1 402 555 0100\n\nnonsense\n")
    page.get_by_role("button", name="Validate").click()
    verdicts = page.get_by_role("region", name="Verdicts").first
    expect(verdicts.get_by_role("row", name="not_a_number 1")).to_be_visible()
    expect(verdicts.get_by_role("row", name="fictional 1")).to_be_visible()
    each = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name="Given"))
    expect(each.get_by_role("row", name="nonsense not_a_number")).to_be_visible()
    page.get_by_role("combobox", name=re.compile("^Verdict")).select_option("fictional")
    page.get_by_role("button", name="Filter").click()
    expect(each.get_by_role("row", name="nonsense")).to_have_count(0)
    expect(each.get_by_role("row", name="+1 402 555 0100 +14025550100 fictional")).to_be_visible()
    dropped = page.evaluate_handle(
        "() => { const files = new DataTransfer();"
        'files.items.add(new File(["+14025550100,NE\\nwrong,\\nworse,\\n"], "list.csv")); return files; }'
    )
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.get_by_text("3 numbers", exact=True)).to_be_visible()
    page.get_by_role("button", name="Validate").click()
    expect(page.get_by_role("row", name="not_a_number 2")).to_be_visible()


def test_the_form_says_how_many_are_left_as_its_filters_change(
    installation: Installation, new_page: OpenPage
) -> None:
    """Of all, then of one area code, then of one kind in it; and less once numbers are given out."""
    page = sign_in(new_page(), installation, user_named("ivy"))
    capacity, form = (
        page.locator(".capacity"),
        re.compile(r"([\d,]+) of ([\d,]+) numbers are left, in (\d+) area codes?"),
    )
    expect(capacity).to_have_text(re.compile(r"in \d{3} area codes"))

    def left() -> int:
        found = form.search(capacity.inner_text())
        assert found
        return int(found[1].replace(",", ""))

    everywhere = left()
    page.get_by_label("Area codes").fill("531")
    expect(capacity).to_have_text(re.compile(r"in 1 area codes"))
    in_531 = left()
    page.get_by_label("wireless").check()
    page.wait_for_function(
        "(before) => !document.querySelector('.capacity').textContent.startsWith(before)", arg=f"{in_531:,}"
    )
    assert 0 < left() < in_531 < everywhere
    page.get_by_label("Area codes").fill("299")
    expect(capacity).to_contain_text("299 is not an area code in use")

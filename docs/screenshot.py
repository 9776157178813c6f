"""The README's picture of the page, docs/images/page.png, taken in a real browser.

python -m docs.screenshot           while `numberline up` runs, in a terminal where .numberline/env was sourced
"""

import shutil
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from numberline.api import Client
from pipeline.settings import load_settings
from pipeline.tokens import TokenRules, sign

PICTURE = Path(__file__).parent / "images" / "page.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1120, 700  # pixels
USER = "ada"


def main() -> None:
    """Some tasks that have ended, and one that runs."""
    settings = load_settings()
    url = f"http://127.0.0.1:{settings.http_port}"
    token = sign(TokenRules.of(settings), USER, time.time())
    with Client(url, token) as client:
        for quantity, name, fields in (
            (2_500, "Billing regression", {"states": ["TX"], "line_types": ["wireless"]}),
            (50, "Screens of the manual", {"area_codes": ["415"], "fictional": True}),
            (100_000, "Load test, east", {"states": ["NY", "NJ", "CT"]}),
        ):
            client.wait(client.generate(quantity, task_name=name, **fields).task_id)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=next(filter(None, map(shutil.which, BROWSERS))), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(url)
            page.get_by_label("Your token").fill(token)
            page.get_by_role("button", name="Sign in").click()
            client.generate(1_000_000, task_name="Load test, whole country")
            page.get_by_role("progressbar").wait_for()
            page.screenshot(path=PICTURE)
            browser.close()


if __name__ == "__main__":
    main()

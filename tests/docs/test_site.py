"""`make docs`: the documents as a site."""

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import PAGES, ROOT


def test_the_site_is_built_whole_and_asks_nobody(tmp_path: Path) -> None:
    """Warnings are errors, a link or anchor that leads nowhere among them; every page is there; no other host."""
    (recipe,) = re.findall(r"^\t\$\(BIN\)/sphinx-build (.*) build/site$", (ROOT / "Makefile").read_text(), re.M)
    assert "--fail-on-warning" in recipe
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *recipe.split(), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "index.html").exists()
    for one in PAGES:
        text = (tmp_path / one.name).with_suffix(".html").read_text()
        loaded = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"([^\"]*)\"", text)
        assert not [url for url in loaded if re.match(r"(https?:)?//", url)], one.name
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"(@import|url\()[ '\"]*(https?:)?//", style.read_text()), style

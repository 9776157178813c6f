"""The programs in examples/, run on real servers."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from pipeline.tokens import TokenRules, sign
from tests.docs.pages import ROOT
from tests.fix_installation import Installation

EXAMPLES = ROOT / "examples"
BY_SUFFIX = {".py": [sys.executable], ".sh": ["bash"], ".mjs": ["node"]}
SAYS = {
    "generate.py": "completed: 1000 of 1000\nof ",
    "watch_many.py": "'area_codes': {'212': 200}",
    "generate.sh": "numbers.csv",
    "kafka.sh": '"status":"completed"',
    "generate.mjs": "completed 250\n250 numbers read",
}


def test_every_example_is_run() -> None:
    """None is without a test, or without a line in the README."""
    programs = {path.name for path in EXAMPLES.iterdir() if path.suffix in BY_SUFFIX}
    assert programs == set(SAYS)
    text = (EXAMPLES / "README.md").read_text()
    assert all(f"[{name}]({name})" in text for name in programs)


@pytest.mark.parametrize("name", SAYS)
def test_an_example_does_what_it_says(system: Installation, name: str, tmp_path: Path) -> None:
    """It ends with 0, and has said so."""
    user = f"example-{uuid.uuid4().hex[:8]}"
    own = {"TOKEN": sign(TokenRules.of(system.settings), user, time.time()), "USER_ID": user}
    done = subprocess.run(
        [*BY_SUFFIX[EXAMPLES.joinpath(name).suffix], str(EXAMPLES / name)],
        cwd=tmp_path,
        env=os.environ | dict(system.environment) | own,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert SAYS[name] in done.stdout

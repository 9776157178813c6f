"""Markdown as the generated pages have it."""

import re
from collections.abc import Sequence

NOTICE = "<!-- Written by `python -m docs.generate`: change the code that it reads, then run it again. -->"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def anchor(heading: str) -> str:
    """What a link to a heading has after the #, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")

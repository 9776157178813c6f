"""Markdown as the generated pages have it."""

import re
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
NOTICE = "<!-- Written by `python -m docs.generate`: change the code that it reads, then run it again. -->"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def anchor(heading: str) -> str:
    """What a link to a heading has after the #, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")


def table_of(page: str, heading: str, head: str) -> str:
    """A table of another page of this folder as it stands there, the one whose first line begins so.

    Links to places of that page name it. Raises StopIteration where there is no such heading or table.
    """
    text = (HERE / page).read_text(encoding="utf-8")
    section = next(part for part in re.split(r"^##+ ", text, flags=re.MULTILINE) if part.startswith(f"{heading}\n"))
    found: str = next(
        block for block in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE) if block.startswith(head)
    )
    return found.rstrip("\n").replace("](#", f"]({page}#")

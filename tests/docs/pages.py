"""The project's documents as tests read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n)(?:(?: {4}.*)?\n)*")
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "x", found[0])  # of the same length, so that places stay what they are


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path from the root."""
        return str(self.path.relative_to(ROOT))

    def fences(self, language: str) -> list[str]:
        """The blocks of code in a language."""
        return [body for found, body in _FENCE.findall(self.text) if found == language]

    def snippets(self) -> list[tuple[str, str]]:
        """All blocks of code in their order, each with its language; one that is indented counts as sh."""
        indented = {found.start(): ("sh", found[0]) for found in _INDENTED.finditer(_FENCE.sub(_blank, self.text))}
        fenced = {found.start(): (found[1], found[2]) for found in _FENCE.finditer(self.text)}
        return [block for _, block in sorted((indented | fenced).items())]

    def prose(self) -> str:
        """All but the blocks of code."""
        return _FENCE.sub("", self.text)

    def inline(self) -> list[str]:
        """What stands in the text as code."""
        return _INLINE.findall(self.prose())

    def links(self) -> list[str]:
        """Targets of its links that are not addresses elsewhere."""
        return [link for link in _LINK.findall(self.prose()) if not re.match(r"[a-z]+:", link)]

    def anchors(self) -> set[str]:
        """What a link may name after the #, as GitHub makes it out of the headings."""
        plain = (re.sub(r"[^\w\- ]", "", heading).strip().lower() for heading in _HEADING.findall(self.prose()))
        return {heading.replace(" ", "-") for heading in plain}

    def section(self, heading: str) -> str:
        """What stands under a heading, up to the next one of its level."""
        level = r"#+"
        start = re.search(rf"^({level}) {re.escape(heading)}$", self.text, re.MULTILINE)
        assert start, f"{self.name} has no section {heading}"
        rest = self.text[start.end() :]
        end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
        return rest[: end.start()] if end else rest


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a text, each as rows of cells without its head."""
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        yield rows[2:]


def names(cell: str) -> list[str]:
    """What a cell has as code."""
    return _INLINE.findall(cell)


@cache
def page(name: str) -> Page:
    """A page by its path from the root."""
    return Page(ROOT / name, (ROOT / name).read_text(encoding="utf-8"))


PAGES = [
    page(str(path.relative_to(ROOT)))
    for path in (
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "deploy" / "README.md",
        ROOT / "examples" / "README.md",
        ROOT / "numberline" / "data" / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
]

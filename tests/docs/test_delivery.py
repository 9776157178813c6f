"""The page on delivery: each rule names the tests that hold it, and they are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "delivery.md").read_text()
RULES = dict(re.findall(r"^\*\*(\d+)\. (.*?)(?=^\*\*\d+\. |^All ten at once)", PAGE, re.DOTALL | re.MULTILINE))


def functions_of(path: Path) -> set[str]:
    """The names of a file's functions and methods."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_each_of_the_ten_rules_names_what_holds_it() -> None:
    """Code, and tests."""
    assert list(RULES) == [str(number) for number in range(1, 11)]
    for text in RULES.values():
        assert re.search(r"^Code: ", text, re.MULTILINE), text
        assert re.search(r"^Tests: (?:.|\n)*`tests/", text, re.MULTILINE), text


def test_each_section_names_what_holds_it() -> None:
    """All but the last one, which says what nothing holds."""
    *sections, last = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    assert last.startswith("What is not covered")
    for section in sections:
        assert re.search(r"`tests/|`test_\w+`", section), section.partition("\n")[0]


def test_every_test_that_is_named_is_in_the_file_that_is_named() -> None:
    """Where a file is named before it; else anywhere."""
    for file, names in re.findall(r"`(tests/[\w/]+\.py)`\s*(\([^)]*\))?", PAGE):
        assert (ROOT / file).is_file(), file
        assert set(re.findall(r"`(test_\w+)`", names)) <= functions_of(ROOT / file), file
    everywhere = set[str]().union(*(functions_of(path) for path in (ROOT / "tests").rglob("test_*.py")))
    assert set(re.findall(r"`(test_\w+)`", PAGE)) <= everywhere

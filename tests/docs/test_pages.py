"""What the documents name is there: files, links, commands, options, variables, tests."""

import ast
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from docs.generate import PAGES as GENERATED
from numberline.cli import cli
from pipeline.settings import PREFIX, Settings, variable
from tests.docs.pages import PAGES, ROOT, Page, page

MARKS = {
    "ID": "67c37db2-5f46-5504-a1ae-9fe9d23fa812",
    "USER": "ada",
    "FILE": "numbers.csv",
    "LETTER": "requests/0/17",
    **dict.fromkeys(("VERSION", "BEFORE", "AFTER"), "1"),
}
COMMAND = re.compile(r"(?:^|(?<!--namespace)[\s(])numberline ([a-z]+[^|)#\n]*)", re.MULTILINE)
PATH = re.compile(r"(?:schemas|pipeline|agents|gateway|numberline|embedded|bench|chaos|tests|docs|deploy)/[\w./-]*")
of_each_page = pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)


def commands(one: Page) -> Iterator[tuple[str, bool]]:
    """Commands after `numberline`, and whether each can be run as it stands."""
    for block in one.fences("sh"):
        for command in COMMAND.findall(block):
            yield command, True
    for code in one.inline():
        for command in COMMAND.findall(code):
            yield command, False


def commands_of(group: click.Group) -> Iterator[click.Command]:
    """Every command of a group, those of its groups as well."""
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from commands_of(command)


def test_there_is_something_to_judge() -> None:
    """Links, files, tests, commands, options and variables are found where the documents have them."""
    readme, contract, delivery = page("README.md"), page("docs/contract.md"), page("docs/delivery.md")
    assert {"docs/tutorial.md", "docs/guide.md#troubleshooting"} <= set(readme.links())
    assert {("generate", True), ("verify", True)} <= {(one.split()[0], whole) for one, whole in commands(readme)}
    assert "--partial" in readme.inline()
    assert any(PATH.fullmatch(code) for code in delivery.inline())
    assert "troubleshooting" in page("docs/guide.md").anchors()
    assert "NUMBERLINE_NAMESPACE" in contract.text
    assert len(readme.fences("python")) == 1


@of_each_page
def test_every_link_leads_somewhere(one: Page) -> None:
    """To a file of the project, and to a heading where it names one."""
    for link in one.links():
        name, _, anchor = link.partition("#")
        target = (one.path.parent / name).resolve() if name else one.path
        assert target.is_relative_to(ROOT), f"{link} leaves the project"
        assert target.exists(), link
        if anchor:
            assert anchor in page(str(target.relative_to(ROOT))).anchors(), link


@of_each_page
def test_every_file_that_is_named_exists(one: Page) -> None:
    """Paths from the root; `benchmarks/` may name what `make bench` writes."""
    for code in one.inline():
        if PATH.fullmatch(code) and not one.name.startswith("docs/benchmarks/"):
            assert (ROOT / code).exists(), code


@of_each_page
def test_every_test_that_is_named_exists(one: Page) -> None:
    """Somewhere in tests/."""
    named = {code for code in one.inline() if re.fullmatch(r"test_\w+", code)}
    text = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py")) if named else ""
    assert not {name for name in named if f"def {name}(" not in text}


@of_each_page
def test_every_command_parses(one: Page) -> None:
    """By the parser itself: strict in blocks, without what is required where it is only named."""
    for command, whole in commands(one):
        arguments = [MARKS.get(word, word) for word in shlex.split(command)]
        parser: click.Command = cli
        while isinstance(parser, click.Group) and arguments:
            assert arguments[0] in parser.commands, f"numberline {command}"
            parser = parser.commands[arguments.pop(0)]
        try:
            parser.make_context(parser.name, arguments).close()
        except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
            assert not whole, f"numberline {command}"


@of_each_page
def test_every_option_that_is_named_exists(one: Page) -> None:
    """In some command of ours; the benchmarks have a command line of their own."""
    known = {opt for command in commands_of(cli) for option in command.params for opt in option.opts}
    named = {code.split()[0] for code in one.inline() if code.startswith("--")}
    if not one.name.startswith("docs/benchmarks/"):
        assert named <= known


@of_each_page
def test_every_variable_that_is_named_exists(one: Page) -> None:
    """One that does not would be refused."""
    assert set(re.findall(rf"{PREFIX}[A-Z_]*[A-Z]", one.text)) <= {variable(name) for name in Settings.model_fields}


@of_each_page
def test_every_make_target_that_is_named_exists(one: Page) -> None:
    """As in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = [*one.inline(), *(line for block in one.fences("sh") for line in block.splitlines())]
    assert {found[1] for text in code if (found := re.match(r"make ([a-z]+)", text))} <= targets


@of_each_page
def test_python_snippets_compile(one: Page) -> None:
    """Each block is a whole program."""
    for block in one.fences("python"):
        ast.parse(block)


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_generated_pages_are_up_to_date(path: object) -> None:
    """`python -m docs.generate` writes them."""
    stale = [page for page, text in GENERATED.items() if page == path and page.read_text() != text()]
    assert not stale, "run: python -m docs.generate"


def test_every_decision_names_what_else_there_was_and_what_was_measured() -> None:
    """Or says that nothing was."""
    records = re.split(r"^## ", page("docs/decisions.md").text, flags=re.MULTILINE)[1:]
    assert len(records) > 20
    for record in records:
        assert record.count("*Instead of:*") == record.count("*Measured:*") == 1, record.partition("\n")[0]


def test_every_page_is_found_from_the_readme() -> None:
    """In a few clicks: a page that nobody links to is read by nobody."""
    found, new = set[str](), {"README.md"}
    while new:
        found |= new
        targets = (
            (page(name).path.parent / link.partition("#")[0]).resolve()
            for name in new
            for link in page(name).links()
            if link.partition("#")[0].endswith(".md")
        )
        new = {str(target.relative_to(ROOT)) for target in targets} - found
    assert {one.name for one in PAGES if not one.name.startswith("docs/benchmarks/")} <= found

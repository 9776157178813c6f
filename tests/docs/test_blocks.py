"""Every block of code in the documents is run by tests/end_to_end/documents, or left out for a reason."""

import json
import re

from tests.docs.pages import PAGES, ROOT, page
from tests.docs.snippets import LEFT_OUT, NOT_PROGRAMS, PROGRAMS, RUN_BY, commands, left_out


def test_every_block_says_what_it_is() -> None:
    """So that none is left out unseen; what is json can be read, and what is text has no command in it."""
    for one in PAGES:
        for language, block in one.snippets():
            assert language in {"sh", *PROGRAMS, *NOT_PROGRAMS}, f"{one.name}: a block of {language or 'nothing'}"
            if language == "json":
                json.loads(block)
            if language == "text":
                assert not re.search(r"^[$ ]*(numberline|make|curl|kcat|psql|python|node|docker) ", block, re.M), (
                    block
                )


def test_what_is_left_out_is_there_and_held_elsewhere() -> None:
    """The list has nothing that no page says any more, and names nothing that does not exist."""
    shells = [block for one in PAGES for language, block in one.snippets() if language == "sh"]
    found = {left_out(command) for block in shells for command in commands(block)}
    assert found - {None} == set(LEFT_OUT)
    for reason in LEFT_OUT.values():
        for name in re.findall(r"(?:tests|\.ci)/[\w./]+", reason):
            assert (ROOT / name).exists(), name
    for name, test in RUN_BY.items():
        assert name.rpartition("/")[2] in (ROOT / test).read_text()


def test_the_first_result_is_near() -> None:
    """At most two screens of the README stand before the first request."""
    before = page("README.md").text.partition("## First request")[0]
    assert len(before.splitlines()) <= 60

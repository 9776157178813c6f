"""What allocate and enrich decide."""

from dataclasses import replace

import numpy as np
import pytest
from pyroaring import BitMap

from pipeline.allocate import Spaces, allocated, draw_batch, fact_key, facts_prefix, union
from pipeline.draw import space_of
from pipeline.enrich import enrich
from pipeline.errors import BatchImpossible, Unavailable
from pipeline.numbering import e164, first_number
from schemas.events import BatchAllocated, Filters
from tests.pipeline.data import AREA_CODES, PLANNED

PREFIXES = AREA_CODES["415"]


def batch_of(*numbers: int, auto_validate: bool = False) -> BatchAllocated:
    """An allocated batch of these numbers."""
    planned = replace(PLANNED, auto_validate=auto_validate)
    return allocated(planned, BitMap(numbers).serialize())


def test_a_fact_is_found_under_its_area_code() -> None:
    """And no other area code's facts with it."""
    assert fact_key("415", "task", 12) == b"415|task|12"
    assert fact_key("415", "task", 12).startswith(facts_prefix("415"))
    assert not fact_key("415", "task", 12).startswith(facts_prefix("41"))


def test_the_union_is_all_numbers_of_all_facts() -> None:
    """In any order; of none it is empty."""
    facts = [BitMap(numbers).serialize() for numbers in ([1, 2], [], [7_999_999], [2, 3])]
    assert union(facts) == union(reversed(facts)) == BitMap([1, 2, 3, 7_999_999])
    assert union([]) == BitMap()


def test_batches_drawn_one_after_the_other_share_no_number() -> None:
    """Until the area code is empty; the last batch is short, the next one empty."""
    space, taken = space_of(PREFIXES, Filters()), BitMap()
    for batch, expected in enumerate([6000, 6000, 2000, 0]):
        drawn = draw_batch(replace(PLANNED, batch=batch, size=6000), space, taken)
        assert len(drawn) == expected
        assert not drawn & taken
        taken |= drawn
    assert taken == space.bitmap


def test_a_newer_draw_version_waits_for_a_newer_program() -> None:
    """The worker ends and is restarted; the batch is not lost."""
    with pytest.raises(Unavailable) as error:
        draw_batch(replace(PLANNED, draw_version=2), space_of(PREFIXES, Filters()), BitMap())
    assert str(error.value) == "no program that draws by version 2"


def test_spaces_are_remembered_and_the_oldest_forgotten() -> None:
    """One a combination of area code, version and filters."""
    spaces = Spaces(most=2)
    first = spaces.of(PREFIXES, Filters())
    assert spaces.of(PREFIXES, Filters()) is first
    other = spaces.of(PREFIXES, Filters(fictional=True))
    assert other is not first
    spaces.of(PREFIXES, Filters())
    spaces.of(AREA_CODES["212"], Filters())
    assert spaces.of(PREFIXES, Filters()) is first
    assert spaces.of(PREFIXES, Filters(fictional=True)) is not other


def test_an_allocated_batch_carries_its_plan_on() -> None:
    """The fact itself is the message's bitmap."""
    event = batch_of(1, 2)
    assert BitMap.deserialize(event.numbers) == BitMap([1, 2])
    assert (event.task_id, event.user_id, event.batch, event.project_id) == ("task", "ann", 0, "project")
    assert (event.area_code, event.asked, event.prefix_version, event.auto_validate) == ("415", 10, 7, False)


def test_each_number_is_joined_with_the_row_that_holds_its_block() -> None:
    """Columns of equal length, the numbers in order."""
    event = enrich(batch_of(9_500, 1, 1_000_000), PREFIXES)
    assert np.frombuffer(event.numbers, "<u4").tolist() == [1, 9_500, 1_000_000]
    assert np.frombuffer(event.prefix_ids, "<i4").tolist() == [1002, 1003, 1004]
    assert (event.count, event.asked, event.verdict) == (3, 10, None)
    assert enrich(batch_of(), PREFIXES).count == 0


def test_a_number_that_nobody_holds_stops_its_batch() -> None:
    """The error names the number, as the user would read it."""
    with pytest.raises(BatchImpossible) as error:
        enrich(batch_of(1, 3_000), PREFIXES)
    assert error.value.code == "unassigned_block"
    assert error.value.message == ("14152003000 lies in a block that nobody holds in version 7 of the prefix data")


def test_a_generated_batch_is_judged_as_it_is_made() -> None:
    """valid, or fictional for the range set aside; a special exchange is never generated."""
    fiction = first_number(555) + 100
    assert enrich(batch_of(1, 2, auto_validate=True), PREFIXES).verdict == "valid"
    assert enrich(batch_of(fiction, fiction + 99, auto_validate=True), PREFIXES).verdict == "fictional"
    for special in ([first_number(976)], [fiction - 1], [1, fiction]):
        with pytest.raises(BatchImpossible) as error:
            enrich(batch_of(*special, auto_validate=True), PREFIXES)
        assert str(error.value) == "special_exchange: the batch holds numbers of an exchange never generated from"


def test_numbers_become_e164() -> None:
    """1, the area code, the exchange and the line."""
    assert e164("415", np.array([0, 7_999_999])).tolist() == [14152000000, 14159999999]

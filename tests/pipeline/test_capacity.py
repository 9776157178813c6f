"""How much of an area code is gone, and what that leaves for the filters of a generation."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from pipeline.capacity import Capacity, Figures
from pipeline.catalogue_log import CatalogueLog
from pipeline.draw import space_of
from pipeline.holdings import Holdings, by_block
from pipeline.numbering import BLOCKS, first_number
from pipeline.plan import plan_request
from pipeline.prefix_build import prefix_events, with_fictional
from pipeline.suppress import Suppressions
from schemas import codec, topics
from schemas.events import Event, Filters, PrefixCurrent, Suppressed
from schemas.parse import RequestInvalid
from schemas.requests import GenerateRequest
from tests.pipeline.data import AREA_CODES, CATALOGUE, ROWS

PREFIXES = AREA_CODES["415"]
FICTION = first_number(555)
NEVER_GIVEN_OUT = BitMap([*range(FICTION, FICTION + 100), *range(FICTION + 200, FICTION + 1000)])
NUMBERS = st.sets(
    st.one_of(
        st.integers(0, 12_000),  # exchanges 200 and 201, some of whose blocks nobody holds
        st.integers(FICTION, FICTION + 300),
        st.integers(first_number(300), first_number(300) + 2_000),
    ),
    max_size=60,
)


def change(name: str, numbers: set[int], user: str | None = None, removed: bool = False) -> Suppressed:
    """A change of area code 415."""
    return Suppressed("415", name, user, removed, BitMap(numbers).serialize())


def figures_of(holdings: Holdings, filters: Filters, user: str = "ben") -> Figures:
    """Those of area code 415."""
    capacity = Capacity(CATALOGUE)
    assert capacity.take(holdings.usage("415"))
    return capacity.figures(filters, ("415",), user)["415"]


@settings(max_examples=150, deadline=None)
@given(
    batches=st.lists(NUMBERS, max_size=4),
    lists=st.lists(st.tuples(NUMBERS, st.sampled_from([None, "ann"]), st.booleans()), max_size=4),
    filters=st.sampled_from(
        [Filters(), Filters(fictional=True), Filters(carriers=("pacific",)), Filters(line_types=("wireless",))]
    ),
)
def test_what_is_left_is_what_a_draw_could_get(
    batches: list[set[int]], lists: list[tuple[set[int], str | None, bool]], filters: Filters
) -> None:
    """For a user with a list of their own and one without, under any filter, whatever came in which order."""
    holdings = Holdings(BitMap(), Suppressions())
    for number, (numbers, user, removed) in enumerate(lists):
        holdings.apply(change(str(number), numbers, user, removed))
    for batch in batches:
        holdings.add(BitMap(batch) - holdings.suppressed.everybody - NEVER_GIVEN_OUT)
    space = space_of(PREFIXES, filters).bitmap
    for user in ("ann", "ben"):
        found = figures_of(holdings, filters, user)
        assert found.exist == len(space)
        assert found.used == len(space & holdings.taken)
        assert found.left == len(space - holdings.withheld_from(user))
    read_anew = Holdings(holdings.taken, holdings.suppressed)
    assert read_anew.usage("415") == holdings.usage("415")


def test_numbers_given_out_again_count_once() -> None:
    """A fact found present is added to the union as well."""
    holdings = Holdings(BitMap([1, 2]), Suppressions())
    for _ in range(2):
        holdings.add(BitMap([2, 3, 1500]))
    assert figures_of(holdings, Filters()).used == 4
    assert by_block(holdings.taken).tolist()[:3] == [3, 1, 0]
    assert len(by_block(BitMap())) == BLOCKS


def test_the_own_lists_of_very_many_users_fit_into_a_message() -> None:
    """One that the broker refuses would end every worker that has the area code, whenever it starts."""
    holdings = Holdings(BitMap(), Suppressions())
    everywhere = set(range(0, 1_000 * BLOCKS, 1_000))
    for user in range(400):
        holdings.apply(change(f"long{user}", everywhere, f"{user}", removed=False))
    holdings.apply(change("short", {1}, "zoe", removed=False))
    usage = holdings.usage("415")
    assert len(codec.encode(usage)) < topics.USAGE.max_message_bytes // 2
    assert len(usage.users) > 100
    assert "zoe" in [user.user_id for user in usage.users]
    assert list(usage.users) == sorted(usage.users, key=lambda user: user.user_id)


def test_a_revision_only_grows_and_the_greatest_wins() -> None:
    """A paused worker's late message changes nothing; taking numbers off a list is news as well."""
    holdings, capacity = Holdings(BitMap(), Suppressions()), Capacity(CATALOGUE)
    told = [holdings.usage("415")]
    for step in range(3):
        holdings.add(BitMap([step]))
        told.append(holdings.usage("415"))
        holdings.apply(change(f"a{step}", {100}, removed=step == 1))
        told.append(holdings.usage("415"))
    assert [usage.revision for usage in told] == list(range(7))
    assert capacity.take(told[6])
    assert not any(capacity.take(usage) for usage in told)
    assert capacity.figures(Filters(), ("415",))["415"] == Figures(14_000, 3, 1)


def test_another_version_of_the_prefix_data_keeps_what_is_gone() -> None:
    """A block that is withdrawn takes its numbers along, given out or not."""
    capacity = Capacity(CATALOGUE)
    capacity.take(Holdings(BitMap([1, 1_500, 9_001]), Suppressions()).usage("415"))
    rows = [replace(row, blocks=row.blocks & ~0b1) for row in ROWS]
    events = prefix_events(with_fictional(rows), 8, 5000)
    log = CatalogueLog()
    for event in events:
        log.take(codec.encode(event))
    log.take(codec.encode(PrefixCurrent(8, "", 0, tuple(CATALOGUE.area_codes), 0)))
    assert log.advance()
    assert log.capacity
    later = capacity.with_catalogue(log.capacity.catalogue)
    assert later.figures(Filters(), ("415",))["415"] == Figures(12_000, 2, 0)
    assert capacity.figures(Filters(), ("415",))["415"] == Figures(14_000, 3, 0)


def test_the_log_is_read_in_any_order_to_one_capacity() -> None:
    """Usage before the prefix data and of area codes that the data does not have; no version before it is whole."""
    usages = [Holdings(BitMap(range(n)), Suppressions()).usage("415") for n in (3, 5, 4)]
    other = Holdings(BitMap([1]), Suppressions()).usage("999")
    blocks = list(prefix_events(with_fictional(ROWS), 7, 1000))
    current = PrefixCurrent(7, "", 0, tuple(CATALOGUE.area_codes), 0)
    log = CatalogueLog()
    early: tuple[Event, ...] = (*usages[:2], other, current, *blocks[:-1])
    for event in early:
        log.take(codec.encode(event))
        assert not log.advance()
    log.take(codec.encode(blocks[-1]))
    assert log.advance()
    assert not log.advance()
    log.take(codec.encode(replace(current, imported_at=1)))  # imported again, and nothing differs
    assert not log.advance()
    assert log.imported_at == 1
    log.take(codec.encode(usages[2]))
    assert log.capacity
    assert log.capacity.figures(Filters())["415"] == Figures(14_000, 5, 0)
    with pytest.raises(codec.CodecError, match="Suppressed does not belong there"):
        log.take(codec.encode(change("a", {1})))


def test_what_is_left_refuses_a_request_early_and_shapes_no_plan() -> None:
    """With the figures; another copy of a request that was accepted is known by the hash of its body."""
    capacity = Capacity(CATALOGUE)
    holdings = Holdings(BitMap(range(10)), Suppressions())
    holdings.apply(change("a", {20, 21}))
    holdings.apply(change("b", {22}, user="ann"))
    capacity.take(holdings.usage("415"))
    body = {"request_id": "r", "user_id": "ann", "quantity": 2988, "area_code": "415", "line_types": ["wireless"]}
    request = GenerateRequest.model_validate(body)
    with pytest.raises(RequestInvalid) as error:
        plan_request(request, capacity, "task", 8)
    assert error.value.errors[0].message == (
        "2988 numbers asked for, 3000 exist under these filters, 10 given out, 3 suppressed, 2987 left; "
        'ask for fewer, or say "on_shortfall": "partial"'
    )
    assert error.value.code == "capacity_exhausted"
    assert error.value.body_hash == request.body_hash()
    fits = request.model_copy(update={"quantity": 2987})
    assert plan_request(fits, capacity, "task", 8) == plan_request(fits, Capacity(CATALOGUE), "task", 8)
    of_ben = request.model_copy(update={"user_id": "ben"})
    assert plan_request(of_ben, capacity, "task", 8).quantity == 2988


def test_figures_of_area_codes_add_up() -> None:
    """What is left of each is at least nothing."""
    one, other = Figures(10, 8, 1), Figures(5, 5, 2)
    assert (one.left, other.left) == (1, 0)
    assert one + other == Figures(15, 13, 3)
    assert one.as_json() == {"exist": 10, "used": 8, "suppressed": 1, "left": 1}


def test_regions_are_the_states_of_all_ordinary_numbers() -> None:
    """Used, suppressed and left of each; together what all area codes have."""
    capacity = Capacity(CATALOGUE)
    holdings = Holdings(BitMap([first_number(300), first_number(300) + 1]), Suppressions())
    capacity.take(holdings.usage("415"))
    regions, codes = capacity.by_region(), capacity.figures(Filters())
    assert sum(regions.values(), Figures()) == sum(codes.values(), Figures())
    assert sum(region.used for region in regions.values()) == 2
    assert set(regions) == {"CA", "NY", "ON"}

"""The plan: proportional, within what exists, and a function of the request and the prefix version alone."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from pipeline.capacity import Capacity
from pipeline.holdings import Holdings
from pipeline.plan import (
    BATCH_SIZES,
    SPREAD,
    batch_size_for,
    batch_size_near,
    numbered_batches,
    plan_request,
    spread,
)
from pipeline.suppress import Suppressions
from schemas.events import AreaCodeShare, FieldError, Filters, Plan
from schemas.parse import RequestInvalid
from schemas.requests import GenerateRequest
from tests.pipeline.data import CAPACITY, CATALOGUE, submitted

EXIST = st.dictionaries(
    st.integers(200, 999).map(str), st.integers(1, 20).map(lambda n: n * 1000), min_size=1, max_size=12
)


def request(**fields: Any) -> GenerateRequest:
    """A valid request."""
    return GenerateRequest.model_validate({"request_id": "r", "user_id": "ann", "quantity": 10, **fields})


def refused(**fields: Any) -> RequestInvalid:
    """How the prefix data refuses a request."""
    with pytest.raises(RequestInvalid) as error:
        plan_request(request(**fields), CAPACITY, "task", 8)
    return error.value


@settings(max_examples=300, deadline=None)
@given(exist=EXIST, seed=st.text(max_size=4), batch_size=st.integers(100, 10_000), data=st.data())
def test_shares_add_up_and_none_exceeds_what_exists(
    exist: dict[str, int], seed: str, batch_size: int, data: st.DataObject
) -> None:
    """All matching area codes are there, largest first, those without a share as the reserve."""
    total = sum(exist.values())
    quantity = data.draw(st.one_of(st.just(total), st.integers(1, total)))
    shares = spread(quantity, exist, batch_size, seed)
    assert sum(share.quantity for share in shares) == quantity
    assert all(0 <= share.quantity <= exist[share.area_code] for share in shares)
    assert [share.area_code for share in shares] == sorted(exist, key=lambda code: (-exist[code], code))
    assert spread(quantity, dict(reversed(exist.items())), batch_size, seed) == shares


@settings(max_examples=300, deadline=None)
@given(exist=EXIST, seed=st.text(max_size=4), batch_size=st.integers(100, 500), data=st.data())
def test_a_share_is_proportional_within_two_grains(
    exist: dict[str, int], seed: str, batch_size: int, data: st.DataObject
) -> None:
    """Where no area code is full; the last grain may be a smaller one."""
    total = sum(exist.values())
    quantity = data.draw(st.integers(1, max(1, total // 20)))
    grain = max(1, min(batch_size, -(-quantity // SPREAD)))
    shares = spread(quantity, exist, batch_size, seed)
    if all(share.quantity < exist[share.area_code] for share in shares):
        for share in shares:
            assert abs(share.quantity - quantity * exist[share.area_code] / total) < 2 * grain


def test_expectations_are_proportional() -> None:
    """Over 3,000 seeds, within five standard errors; the seeds are fixed."""
    exist = {"201": 60_000, "202": 30_000, "203": 9_000, "204": 1_000}
    drawn: Counter[str] = Counter()
    for seed in range(3000):
        drawn.update({share.area_code: share.quantity for share in spread(1, exist, 5000, str(seed))})
    for code, size in exist.items():
        expected = 3000 * size / 100_000
        assert abs(drawn[code] - expected) < 5 * expected**0.5


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (1, [0, 0, 1, 0, 0]),
        (100, [64, 28, 8, 0, 0]),
        (12_345, [7720, 3467, 1158, 0, 0]),
        (1_000_000, [615_000, 305_000, 80_000, 0, 0]),
        (11_401_020, [7_000_000, 3_500_000, 900_000, 1_000, 20]),
    ],
)
def test_a_seed_spreads_the_same_for_ever(quantity: int, expected: list[int]) -> None:
    """Golden values: the promise of a seed begins with how many numbers each area code is asked for."""
    exist = {"201": 7_000_000, "202": 3_500_000, "203": 900_000, "204": 1_000, "205": 20}
    assert [share.quantity for share in spread(quantity, exist, 5000, "golden")] == expected


@pytest.mark.parametrize(
    ("quantity", "expected"), [(1, 5_000), (10_001, 5_000), (12_000, 6_000), (20_000, 10_000), (1_000_000, 10_000)]
)
def test_without_a_batch_size_a_large_task_has_large_batches(quantity: int, expected: int) -> None:
    """About half of what is asked for, from 5,000 to 10,000 numbers."""
    assert batch_size_near(quantity) == expected


@settings(max_examples=200, deadline=None)
@given(
    quantities=st.lists(st.integers(0, 60_000), min_size=1, max_size=8).filter(any),
    near=st.integers(*BATCH_SIZES),
)
def test_batches_of_a_size_that_nobody_named_leave_few_remnants(quantities: list[int], near: int) -> None:
    """No more batches than of the size that it begins with, and as large ones as allowed at most."""
    shares = tuple(AreaCodeShare(str(200 + i), n) for i, n in enumerate(quantities))
    size = batch_size_for(shares, near)
    assert near <= size <= BATCH_SIZES[1]
    batches = numbered_batches(submitted(batch_size=size, shares=shares).plan)
    assert len(batches) <= len(numbered_batches(submitted(batch_size=near, shares=shares).plan))


@pytest.mark.parametrize(
    ("quantities", "expected"),
    [
        ((5_008, 4_992), [5_008, 4_992]),
        ((6_244, 3_756), [6_244, 3_756]),
        ((8_000, 2_000), [5_000, 2_000, 3_000]),
        ((10_000,), [5_000, 5_000]),
        ((300,) * 3, [300] * 3),
    ],
)
def test_a_few_numbers_more_are_no_batch_more(quantities: tuple[int, ...], expected: list[int]) -> None:
    """Of a task of 10,000 numbers, whose batches are of about 5,000."""
    shares = tuple(AreaCodeShare(str(200 + i), n) for i, n in enumerate(quantities))
    plan = submitted(batch_size=batch_size_for(shares, 5_000), shares=shares).plan
    assert [size for _, size in numbered_batches(plan)] == expected


def test_a_batch_size_that_is_asked_for_stands() -> None:
    """Whatever remnants it leaves."""
    asked = (
        plan_request(request(quantity=12_000), CAPACITY, "task", 8),
        plan_request(request(quantity=12_000, batch_size=5_000), CAPACITY, "task", 8),
    )
    assert [plan.batch_size for plan in asked] == [6_000, 5_000]


def test_usage_never_shapes_a_plan() -> None:
    """What is given out or suppressed refuses, and nothing else: the plan is that of an unused installation."""
    capacity = Capacity(CATALOGUE)
    for code, taken in (("415", range(2_500)), ("416", range(10_000, 11_999))):
        capacity.take(Holdings(BitMap(taken), Suppressions()).usage(code))
    for fields in ({"quantity": 5000}, {"quantity": 17_000, "on_shortfall": "partial"}, {"quantity": 7, "seed": 1}):
        assert plan_request(request(**fields), capacity, "task", 8) == plan_request(
            request(**fields), CAPACITY, "task", 8
        )


def test_a_small_request_is_spread_over_few_batches() -> None:
    """Each batch costs a transaction."""
    exist = {str(code): 10_000 for code in range(200, 600)}
    shares = spread(10_000, exist, 5000, "s")
    assert sum(share.quantity > 0 for share in shares) <= SPREAD + 1


@settings(max_examples=200, deadline=None)
@given(
    quantities=st.lists(st.integers(0, 3000), min_size=1, max_size=8).filter(any),
    batch_size=st.integers(100, 1000),
)
def test_batches_are_full_but_for_the_last_of_each_area_code(quantities: list[int], batch_size: int) -> None:
    """They add up to the shares, and the area codes take turns."""
    shares = tuple(AreaCodeShare(str(200 + i), n) for i, n in enumerate(quantities))
    batches = numbered_batches(submitted(batch_size=batch_size, shares=shares).plan)
    for share in shares:
        sizes = [size for code, size in batches if code == share.area_code]
        assert sum(sizes) == share.quantity
        assert all(size == batch_size for size in sizes[:-1])
        assert all(0 < size <= batch_size for size in sizes)
    turns: Counter[str] = Counter()
    order = []
    for code, _ in batches:
        order.append((turns[code], code))
        turns[code] += 1
    assert order == sorted(order)


def test_a_plan_holds_all_that_its_batches_depend_on() -> None:
    """Versions, window and seed are pinned; the filters are in their one form."""
    plan = plan_request(
        request(quantity=500, states=["ca"], batch_size=200, seed=5, auto_validate=True), CAPACITY, "task", 8
    )
    assert plan == Plan(
        quantity=500,
        batch_size=200,
        window=8,
        prefix_version=7,
        draw_version=1,
        seed="5",
        on_shortfall="fail",
        auto_validate=True,
        filters=Filters(states=("CA",)),
        shares=(AreaCodeShare("415", 500),),
    )
    assert plan_request(request(), CAPACITY, "task", 8).seed == "task"


def test_more_than_exists_is_refused_with_the_figures() -> None:
    """Before anything is drawn; nobody waits for numbers that cannot come."""
    invalid = refused(quantity=1001, states=["NY"])
    assert invalid.code == "capacity_exhausted"
    assert invalid.errors == (
        FieldError(
            "quantity",
            "1001 numbers asked for, 1000 exist under these filters; "
            'ask for fewer, or say "on_shortfall": "partial"',
        ),
    )
    assert json.loads(invalid.details) == {
        "requested": 1001,
        "exist": 1000,
        "used": 0,
        "suppressed": 0,
        "left": 1000,
        "area_codes": {"212": {"exist": 1000, "used": 0, "suppressed": 0, "left": 1000}},
    }
    assert (invalid.user_id, invalid.request_id, invalid.type) == ("ann", "r", "generate")


def test_more_than_exists_is_planned_where_a_part_will_do() -> None:
    """The shares hold what exists; the quantity stays what was asked for."""
    plan = plan_request(request(quantity=5000, states=["NY"], on_shortfall="partial"), CAPACITY, "task", 8)
    assert plan.quantity == 5000
    assert plan.shares == (AreaCodeShare("212", 1000),)


def test_an_installation_for_fiction_plans_nothing_else() -> None:
    """Without a word in the request; one that says false is refused, with what else is wrong."""
    plan = plan_request(request(quantity=5), CAPACITY, "task", 8, fictional_only=True)
    assert plan.filters == Filters(fictional=True)
    assert plan == plan_request(request(quantity=5, fictional=True), CAPACITY, "task", 8, fictional_only=True)
    with pytest.raises(RequestInvalid) as error:
        plan_request(request(fictional=False, states=["XX"]), CAPACITY, "task", 8, fictional_only=True)
    assert [one.field for one in error.value.errors] == ["fictional", "states"]
    assert error.value.errors[0].message == (
        "must be true or left out: this installation gives out fictional numbers alone"
    )


def test_unknown_names_and_empty_matches_are_refused() -> None:
    """With their codes, all unknown names at once."""
    unknown = refused(states=["XX"], area_code="999", project_id="p", task_name="n")
    assert (unknown.code, [error.field for error in unknown.errors]) == ("invalid_request", ["area_code", "states"])
    assert (unknown.project_id, unknown.task_name) == ("p", "n")
    nothing = refused(states=["NY"], line_types=["wireless"])
    assert (nothing.code, [error.field for error in nothing.errors]) == ("nothing_matches", ["line_types"])

"""The plan of a generation: a pure function of the validated request and the prefix version.

Usage never shapes it; what other tasks took meanwhile shows as short batches, which supplements make up for.
"""

import hashlib
import itertools
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping

from pipeline.capacity import Capacity, Figures
from pipeline.draw import DRAW_VERSION
from pipeline.refusals import invalid
from schemas.events import AreaCodeShare, FieldError, Plan
from schemas.parse import RequestInvalid
from schemas.requests import GenerateRequest

SPREAD = 32  # a small request is spread over at most so many batches: each costs a transaction
# least and most numbers of a batch where the request names none: a number of a larger batch costs less, and two
# batches at once are done sooner than one of both
BATCH_SIZES = 5_000, 10_000


def plan_request(
    request: GenerateRequest, capacity: Capacity, task_id: str, window: int, fictional_only: bool = False
) -> Plan:
    """The plan of a request.  Raises RequestInvalid where the prefix data does not know what it names,
    where nothing matches, or where fewer numbers are left than must be delivered.

    What is left refuses early, and shapes no plan. fictional_only: this installation gives out no other numbers.
    """
    if errors := [*_not_fictional(request, fictional_only), *capacity.catalogue.errors(request)]:
        raise _invalid(request, "invalid_request", *errors)
    wanted = request.model_copy(update={"fictional": request.fictional or fictional_only})
    filters = wanted.as_filters()
    figures = capacity.figures(filters, wanted.wanted_area_codes(), request.user_id)
    if not figures:
        raise _invalid(request, "nothing_matches", capacity.catalogue.unmatched(wanted))
    total = sum(figures.values(), Figures())
    left = sum(of_code.left for of_code in figures.values())
    if left < request.quantity and request.on_shortfall == "fail":
        raise _invalid(
            request,
            "capacity_exhausted",
            FieldError("quantity", _too_few(request.quantity, total, left)),
            requested=request.quantity,
            **total.as_json() | {"left": left},
            area_codes={code: of_code.as_json() for code, of_code in figures.items()},
        )
    exist = {code: of_code.exist for code, of_code in figures.items()}
    seed = task_id if request.seed is None else str(request.seed)
    near = batch_size_near(request.quantity) if request.batch_size is None else request.batch_size
    shares = spread(min(request.quantity, total.exist), exist, near, seed)
    return Plan(
        quantity=request.quantity,
        batch_size=batch_size_for(shares, near) if request.batch_size is None else near,
        window=window,
        prefix_version=capacity.catalogue.version,
        draw_version=DRAW_VERSION,
        seed=seed,
        on_shortfall=request.on_shortfall,
        auto_validate=request.auto_validate,
        filters=filters,
        shares=shares,
    )


def batch_size_near(quantity: int) -> int:
    """About how many numbers a batch of a task of so many has, where its user leaves it to the pipeline."""
    least, most = BATCH_SIZES
    return max(least, min(quantity // 2, most))


def batch_size_for(shares: Iterable[AreaCodeShare], near: int) -> int:
    """The batch size, from `near` up to the most, that leaves few remnants: 6,000 numbers are one batch, not two.

    For each share it is cut into the number of batches that comes nearest to `near`; of these sizes the largest.
    """
    sizes = [-(-share.quantity // max(1, round(share.quantity / near))) for share in shares]
    return max(near, min(max(sizes), BATCH_SIZES[1]))


def _too_few(quantity: int, total: Figures, left: int) -> str:
    gone = [f"{n} {what}" for n, what in ((total.used, "given out"), (total.suppressed, "suppressed")) if n]
    there = f"{total.exist} exist under these filters" + "".join(f", {text}" for text in gone)
    rest = f", {left} left" if gone else ""
    return f'{quantity} numbers asked for, {there}{rest}; ask for fewer, or say "on_shortfall": "partial"'


def _not_fictional(request: GenerateRequest, fictional_only: bool) -> list[FieldError]:
    """What says nothing of it is fictional where all is; what says that it is not, is refused."""
    if not fictional_only or request.fictional or "fictional" not in request.model_fields_set:
        return []
    rule = "must be true or left out: this installation gives out fictional numbers alone"
    return [FieldError("fictional", rule)]


def _invalid(request: GenerateRequest, code: str, *errors: FieldError, **details: object) -> RequestInvalid:
    return invalid(request, code, *errors, details=json.dumps(details), body_hash=request.body_hash())


def spread(quantity: int, exist: Mapping[str, int], batch_size: int, seed: str) -> tuple[AreaCodeShare, ...]:
    """How many numbers each area code is asked for: in proportion to what exists there, none beyond it.

    Systematic sampling with probability proportional to size (Madow 1949): equal grains laid at equal
    distances, from a start that the seed picks, so that each area code's expectation is its exact proportion
    and its share is off by less than two grains (the last one may be smaller). All matching area codes follow,
    largest first: those without a share are the reserve of supplements. quantity must be at most what exists.
    """
    codes = sorted(exist, key=lambda code: (-exist[code], code))
    ends = list(itertools.accumulate(exist[code] for code in codes))
    grain = max(1, min(batch_size, -(-quantity // SPREAD)))
    grains = -(-quantity // grain)
    start = int.from_bytes(hashlib.sha256(f"spread\0{seed}".encode()).digest(), "big") % ends[-1]
    shares = dict.fromkeys(codes, 0)
    for i in range(grains):
        at = (start + i * ends[-1] // grains) % ends[-1]
        shares[codes[bisect_right(ends, at)]] += min(grain, quantity - i * grain)
    over = 0
    for code in codes:
        over += max(0, shares[code] - exist[code])
        shares[code] = min(shares[code], exist[code])
    for code in codes:  # what a small area code cannot give, the largest with room do
        more = min(over, exist[code] - shares[code])
        shares[code] += more
        over -= more
    return tuple(AreaCodeShare(code, shares[code]) for code in codes)


def numbered_batches(plan: Plan) -> tuple[tuple[str, int], ...]:
    """Area code and size of each numbered batch, in order: the area codes take turns."""
    rounds = [
        [
            (share.area_code, min(plan.batch_size, share.quantity - at))
            for at in range(0, share.quantity, plan.batch_size)
        ]
        for share in plan.shares
    ]
    return tuple(batch for turn in itertools.zip_longest(*rounds) for batch in turn if batch is not None)

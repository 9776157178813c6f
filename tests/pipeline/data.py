"""Small prefix data, made by hand, and the events of tasks."""

from dataclasses import replace
from typing import Any

from pipeline.capacity import Capacity
from pipeline.catalogue import Catalogue
from pipeline.prefix_build import PrefixRow, block_bits, prefix_events, with_fictional
from pipeline.prefixes import AreaCode
from schemas import events

VERIZON, BANDWIDTH, PACIFIC = "VERIZON WIRELESS", "BANDWIDTH.COM CLEC", "PACIFIC BELL"
LOS_ANGELES, NEW_YORK, TORONTO = "America/Los_Angeles", "America/New_York", "America/Toronto"

ROWS = [
    PrefixRow("415", 200, block_bits("012"), "US", "CA", LOS_ANGELES, VERIZON, "wireless"),
    PrefixRow("415", 200, block_bits("9"), "US", "CA", LOS_ANGELES, PACIFIC, "landline"),
    PrefixRow("415", 300, block_bits("0123456789"), "US", "CA", LOS_ANGELES, PACIFIC, "landline"),
    PrefixRow("415", 976, block_bits("05"), "US", "CA", LOS_ANGELES, PACIFIC, "landline"),
    PrefixRow("415", 411, block_bits("1"), "US", "CA", LOS_ANGELES, PACIFIC, "landline"),
    PrefixRow("212", 999, block_bits("9"), "US", "NY", NEW_YORK, BANDWIDTH, "voip"),
    PrefixRow("416", 201, block_bits("78"), "CA", "ON", TORONTO, "BELL CANADA", "wireless"),
    PrefixRow("416", 700, block_bits("0"), "CA", "ON", TORONTO, "BELL CANADA", "wireless"),
]
AREA_CODES = {e.area_code: AreaCode(e) for e in prefix_events(with_fictional(ROWS), 7, 1000)}
CATALOGUE = Catalogue(7, AREA_CODES.values())
CAPACITY = Capacity(CATALOGUE)

PLAN = events.Plan(
    quantity=1000,
    batch_size=300,
    window=2,
    prefix_version=7,
    draw_version=1,
    seed="s",
    on_shortfall="fail",
    auto_validate=False,
    filters=events.Filters(),
    shares=(events.AreaCodeShare("415", 1000), events.AreaCodeShare("212", 0)),
)
SUBMITTED = events.TaskSubmitted("task", "ann", "first", "project", "name", b"hash", 900, PLAN)
REFUSED = events.TaskRefused(
    task_id="task",
    user_id="ann",
    request_id="first",
    project_id="project",
    task_name=None,
    type="generate",
    body_hash=b"refused",
    requested_at=800,
    code="invalid_request",
    message="quantity: must be a whole number",
    errors=(events.FieldError("quantity", "must be a whole number"),),
    details='{"exist": 3}',
)
CANCEL = events.CancelRequested("task", "ann", "cancel-1")
PLANNED = events.BatchPlanned("task", "ann", 0, "project", "415", 10, 7, 1, "s", False, events.Filters())


def stored(batch: int, count: int = 300, asked: int = 300, area_code: str = "415") -> events.BatchStored:
    """A batch of the task that is durable."""
    return events.BatchStored("task", "ann", batch, area_code, asked, count)


def failed(batch: int, code: str = "dead_letter") -> events.BatchFailed:
    """A batch of the task that cannot go on."""
    return events.BatchFailed("task", "ann", batch, code, f"batch {batch} is lost")


def submitted(**plan: Any) -> events.TaskSubmitted:
    """The task with some of its plan changed."""
    return replace(SUBMITTED, plan=replace(PLAN, **plan))

"""What a task is to do, fixed by its first record."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filters:
    """What a number must match: one entry of each list that is not empty."""

    states: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    timezones: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()  # case-insensitive parts of the operating company's name
    line_types: tuple[str, ...] = ()
    fictional: bool = False


@dataclass(frozen=True, slots=True)
class AreaCodeShare:
    """One area code of a plan; quantity 0: used by supplements alone."""

    area_code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the batches of a task depend on, fixed by its first TaskSubmitted."""

    quantity: int
    batch_size: int
    window: int
    prefix_version: int
    draw_version: int
    seed: str
    on_shortfall: str
    auto_validate: bool
    filters: Filters
    shares: tuple[AreaCodeShare, ...]


@dataclass(frozen=True, slots=True)
class ValidationPlan:
    """All that the batches of a validation depend on, fixed by its first ValidationSubmitted.

    kind: list (`numbers` as `given`), ids (`numbers`, held), held (stored batches: `batch_ids`, `counts`).
    suppressions: the place of the last change of what is suppressed that counts.
    """

    quantity: int
    batch_size: int
    window: int
    prefix_version: int
    source: str
    lookups: int
    kind: str
    held_task: str | None
    numbers: bytes
    given: tuple[str, ...]
    batch_ids: bytes
    counts: bytes
    suppressions: int = 0

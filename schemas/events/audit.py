"""Who did what."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Audited:
    """Who asked for what, and what came of it; details is a JSON object."""

    record_id: str
    at: int
    actor: str
    action: str
    subject: str
    outcome: str
    details: str = "{}"

"""GET of statistics: counts that the workers keep, so that no number is read."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from gateway.api.auth import Reading, Whose
from gateway.api.description import problems
from gateway.api.models import Statistics
from gateway.api.services import Using

router = APIRouter(tags=["numbers"])
UNKNOWN = "unknown"  # of numbers that have no such attribute

COUNTS = "SELECT attribute, value, count FROM number_counts WHERE user_id = %(user)s"


@router.get(
    "/api/statistics/",
    response_model=Statistics,
    responses=problems(401, 403, 422, 429, 503),
    operation_id="getStatistics",
)
async def statistics(reading: Reading, services: Using, query: Annotated[Whose, Query()]) -> Response:
    """How many numbers you hold: exact, also of tasks that are running."""
    user = await reading.of(query)
    rows = await services.database.rows(COUNTS, {"user": user})
    by: dict[str, dict[str, int]] = {}
    for row in rows:
        by.setdefault(row["attribute"], {})[row["value"]] = row["count"]
    verdicts = by.get("verdict", {})
    total, unvalidated, valid = sum(verdicts.values()), verdicts.get("", 0), verdicts.get("valid", 0)
    counts: dict[str, Any] = {
        "total": total,
        "valid": valid,
        "invalid": total - valid - unvalidated,
        "unvalidated": unvalidated,
    }
    for attribute in ("state", "carrier", "line_type", "area_code"):
        found = Counter[str]()
        for value, count in by.get(attribute, {}).items():
            found[value or UNKNOWN] += count  # imported data may call something so itself
        counts[f"by_{attribute}"] = dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
    return JSONResponse(counts)

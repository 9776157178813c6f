"""Statistics of numbers whose attribute has the name that stands for none."""

import json
from types import SimpleNamespace
from typing import Any

from gateway.api.auth import Whose
from gateway.api.statistics import statistics


async def test_a_company_called_unknown_takes_nothing_from_those_without_one() -> None:
    """Prefix files may have it in their column; each part adds up to the total all the same."""
    rows = [("verdict", "", 12), ("carrier", "", 5), ("carrier", "unknown", 4), ("carrier", "ACME", 3)]

    async def of(_: Whose) -> str:
        return "ann"

    async def found(*_: Any) -> list[dict[str, Any]]:
        return [{"attribute": name, "value": value, "count": count} for name, value, count in rows]

    services: Any = SimpleNamespace(database=SimpleNamespace(rows=found))
    reading: Any = SimpleNamespace(of=of)
    answer = json.loads(bytes((await statistics(reading, services, Whose())).body))
    assert answer["by_carrier"] == {"unknown": 9, "ACME": 3}
    assert sum(answer["by_carrier"].values()) == answer["total"]

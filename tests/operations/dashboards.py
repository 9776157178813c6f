"""The dashboards' files, as Grafana reads them, and what they ask of Prometheus."""

import json
import re
from collections.abc import Iterator
from typing import Any

from deploy.monitoring.__main__ import HERE

FILES = sorted((HERE / "dashboards").glob("*.json"))
VARIABLE = re.compile(r"label_values\((\w+), (\w+)\)")


def shown(uid: str) -> dict[str, Any]:
    """One of them."""
    made: dict[str, Any] = json.loads((HERE / "dashboards" / f"{uid}.json").read_text())
    return made


def expressions() -> Iterator[str]:
    """Of all panels and variables of all of them, with every instance chosen and rates over a minute."""
    for path in FILES:
        made = shown(path.stem)
        for panel in made["panels"]:
            for target in panel.get("targets", []):
                yield target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
        for variable in made["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = VARIABLE.fullmatch(variable["query"]["query"]).groups()  # type: ignore[union-attr]
                yield f"count by ({label}) ({metric})"

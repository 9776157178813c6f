"""How long a run will take, by the last full one in docs/benchmarks/."""

import json
from collections.abc import Sequence
from pathlib import Path


def foreseen(results: Path, names: Sequence[str], repeat: int) -> str:
    """A sentence for the user. results: an earlier results.json; names: the parts to run, `repeat` times each."""
    try:
        earlier = json.loads(results.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "how long it takes is not known yet"
    took = {part["name"]: part["seconds"] / earlier["repeat"] * repeat for part in earlier["parts"]}
    minutes = sum(took.get(name, 0.0) for name in names) / 60
    unknown = [name for name in names if name not in took]
    more = f", and what has not been measured yet: {', '.join(unknown)}" if unknown else ""
    return (
        f"about {max(1, round(minutes))} min on the machine of {results.name} ({earlier['about']['machine']}){more}"
    )

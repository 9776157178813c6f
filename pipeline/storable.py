"""What PostgreSQL holds as text and JSON: all but NUL and halves of surrogate pairs (manual, "JSON Types")."""

import re
from typing import Any

_UNFIT = re.compile("[\0\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def is_storable(text: str) -> bool:
    """Whether it holds a text as it is."""
    return _UNFIT.search(text) is None


def storable(text: str) -> str:
    """The text, with the replacement character for each that it cannot hold."""
    return _UNFIT.sub(REPLACEMENT, text)


def storable_json(value: Any) -> Any:
    """The same of all texts in a JSON value, names of members too."""
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(name): storable_json(member) for name, member in value.items()}
        case list() | tuple():
            return [storable_json(one) for one in value]
        case _:
            return value

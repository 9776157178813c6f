"""One JSON object a line; the columns are added as members of it."""

import json
from collections.abc import Sequence

import orjson

from pipeline.errors import ListInvalid
from pipeline.lists.format import COLUMNS, NAMES, SAMPLE, Origin, Records, Tail


class Ndjson:
    """A line that is no object becomes one with the member `line`; an empty one is passed over."""

    header = ""

    def __init__(self, first: list[str], column: str | None) -> None:
        """first: the first lines. column: the member with the number, else one of NAMES.  Raises ListInvalid."""
        objects = [found for line in first[:SAMPLE] if (found := _object(line)) is not None]
        members = {member.casefold(): member for found in objects for member in found}
        wanted = NAMES if column is None else (column.casefold(),)
        known = [members[name] for name in wanted if name in members]
        if not known:
            what = f"member {column}" if column is not None else "member with a name for numbers, such as phone"
            raise ListInvalid(f"the first objects have no {what}; they have {', '.join(members.values())[:200]}")
        self._member = known[0]
        self._added = [f"validated_{title}" if title in members else title for title in COLUMNS]

    def read(self, lines: list[str]) -> Records:
        """The member may be text or a number."""
        raw, numbers = [], []
        for line in lines:
            if not line.strip():
                continue
            if (found := _object(line)) is None:
                line, found = json.dumps({"line": line}), {}
            value = found.get(self._member, "")
            raw.append(line)
            numbers.append(value if isinstance(value, str) else str(value))
        return Records(raw, numbers)

    def end(self) -> None:
        """A line always ends."""

    def tail(self, reason: str, texts: Sequence[str], origin: Origin) -> Tail:
        """Members; null for what is not known."""
        *held, rate_center = (text or None for text in texts)
        version, source, judged_at = origin.texts
        before = _members(self._added[1:8], (reason == "valid", reason, *held))
        return Tail(before, _members(self._added[9:], (version, rate_center, source, judged_at)) + "}")

    def write(self, records: Records, e164: list[str], tails: list[Tail]) -> str:
        """Each object with its members."""
        number_name, block_name = self._added[0], self._added[8]
        out = []
        for line, number, tail in zip(records.raw, e164, tails, strict=True):
            head = line.rstrip().removesuffix("}").rstrip()
            comma = "" if head.endswith("{") else ","
            shown, block = (f'"{number}"', f'"{number[2:9]}"') if number else ("null", "null")
            out.append(f'{head}{comma}"{number_name}":{shown},{tail.before},"{block_name}":{block},{tail.after}\n')
        return "".join(out)


def _members(names: Sequence[str], values: Sequence[object]) -> str:
    named = zip(names, values, strict=True)
    return ",".join(f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=False)}" for name, value in named)


def _object(line: str) -> dict[str, object] | None:
    try:
        found = orjson.loads(line)
    except (orjson.JSONDecodeError, UnicodeEncodeError):  # the latter: bytes that are no UTF-8
        return None
    return found if isinstance(found, dict) else None

"""What differs between two versions of the prefix data, block by block, and what a version holds."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.prefix_build import PrefixRow

ByAreaCode = Mapping[str, list[PrefixRow]]

ADDED, WITHDRAWN, MOVED, AMENDED = KINDS = ("added", "withdrawn", "moved", "amended")


@dataclass(frozen=True, slots=True)
class BlockChange:
    """A thousands block that differs. kind: added, withdrawn, moved (another company), amended (all else)."""

    area_code: str
    nxx: int
    digit: int
    before: PrefixRow | None
    after: PrefixRow | None

    @property
    def kind(self) -> str:
        """One of KINDS."""
        if self.before is None:
            return ADDED
        if self.after is None:
            return WITHDRAWN
        return MOVED if self.before.carrier != self.after.carrier else AMENDED

    @property
    def country(self) -> str:
        """Where it is."""
        row = self.after or self.before
        assert row is not None
        return row.country


def changed_blocks(before: ByAreaCode, after: ByAreaCode) -> Iterator[BlockChange]:
    """Every block that differs, in order."""
    for area_code in sorted({*before, *after}):
        old, new = before.get(area_code, []), after.get(area_code, [])
        if old == new:
            continue
        old_blocks, new_blocks = _blocks(old), _blocks(new)
        for at in sorted({*old_blocks, *new_blocks}):
            was, is_ = old_blocks.get(at), new_blocks.get(at)
            if was is None or is_ is None or _facts(was) != _facts(is_):
                yield BlockChange(area_code, at // 10, at % 10, was, is_)


def _blocks(rows: list[PrefixRow]) -> dict[int, PrefixRow]:
    return {row.nxx * 10 + digit: row for row in rows for digit in range(10) if row.blocks >> digit & 1}


def _facts(row: PrefixRow) -> tuple[str, ...]:
    return row.country, row.state, row.timezone, row.carrier, row.line_type, row.rate_center


def count_changes(before: ByAreaCode, after: ByAreaCode) -> dict[str, dict[str, int]]:
    """Country -> kind -> blocks."""
    found: dict[str, Counter[str]] = {}
    both = before.keys() & after.keys()
    for kind, data in ((WITHDRAWN, before), (ADDED, after)):  # whole area codes: no need to look at their blocks
        for row in (row for code, rows in data.items() if code not in both for row in rows):
            found.setdefault(row.country, Counter())[kind] += row.blocks.bit_count()
    for change in changed_blocks({code: before[code] for code in both}, {code: after[code] for code in both}):
        found.setdefault(change.country, Counter())[change.kind] += 1
    return {country: dict(kinds) for country, kinds in sorted(found.items())}


def count_blocks(data: ByAreaCode) -> dict[str, dict[str, dict[str, int]]]:
    """Country -> state -> line type -> thousands blocks."""
    found: dict[str, dict[str, Counter[str]]] = {}
    for rows in data.values():
        for row in rows:
            states = found.setdefault(row.country, {})
            states.setdefault(row.state, Counter())[row.line_type] += row.blocks.bit_count()
    return {
        country: {state: dict(types) for state, types in sorted(states.items())}
        for country, states in sorted(found.items())
    }

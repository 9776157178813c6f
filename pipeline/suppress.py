"""Suppressed numbers of one area code: facts in the order of the log, and what they add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from pipeline import numbering
from schemas import codec
from schemas.events import Suppressed


def fact_key(area_code: str, number: int, change: str) -> bytes:
    """Key of the ledger's fact of one change: in the order of the log, and apart from those of batches."""
    return facts_prefix(area_code) + f"{number:08d}|{change}".encode()


def facts_prefix(area_code: str) -> bytes:
    """What the keys of all changes of an area code begin with."""
    return f"suppressed|{area_code}|".encode()


class Suppressions:
    """Which numbers of an area code nobody is given, and which ones a single user is not.

    Numbers are ``(nxx - 200) * 10000 + line``. A list of everybody's and a user's own are independent: taking
    a number off the one leaves it on the other.
    """

    def __init__(self) -> None:
        self.everybody = BitMap()
        self.by_user: dict[str, BitMap] = {}
        self._changes: dict[str, int] = {}

    @classmethod
    def of_facts(cls, facts: Iterable[bytes]) -> "Suppressions":
        """All changes, in the order of their keys."""
        found = cls()
        for fact in facts:
            event = codec.decode(fact)
            assert isinstance(event, Suppressed)
            found.apply(event)
        return found

    @property
    def changes(self) -> int:
        """How many there were."""
        return len(self._changes)

    def apply(self, event: Suppressed) -> int:
        """Add a change, and return its place. One that is there counts for nothing: its first place holds."""
        if (place := self._changes.get(event.change)) is not None:
            return place
        numbers = BitMap.deserialize(event.numbers)
        place = self._changes[event.change] = len(self._changes)
        listed = self.everybody if event.user_id is None else self.by_user.setdefault(event.user_id, BitMap())
        if event.removed:
            listed -= numbers
        else:
            listed |= numbers
        if event.user_id is None:
            self.everybody = listed
        elif listed:
            self.by_user[event.user_id] = listed
        else:
            del self.by_user[event.user_id]
        return place

    def of(self, user_id: str) -> BitMap:
        """What this user is not given. Not to be changed."""
        own = self.by_user.get(user_id)
        return self.everybody if own is None else self.everybody | own


Lists = Mapping[tuple[str | None, int], BitMap]  # owner, None for everybody, and area code
ListChange = tuple[str | None, bool, int, bytes]  # owner, whether removed, area code, its numbers serialized


def with_changes(lists: Lists, changes: Iterable[ListChange]) -> Lists:
    """The lists after these changes; new bitmaps, for others may hold the old ones."""
    found = dict(lists)
    for owner, removed, area_code, serialized in changes:
        before, numbers = found.get((owner, area_code), BitMap()), BitMap.deserialize(serialized)
        found[owner, area_code] = before - numbers if removed else before | numbers
    return found


@dataclass(frozen=True)
class SuppressedNumbers:
    """The lists that hold for one user, by area code: everybody's and the user's own."""

    everybody: Mapping[int, BitMap] = field(default_factory=dict)
    own: Mapping[int, BitMap] = field(default_factory=dict)

    @classmethod
    def of_lists(cls, lists: Lists, user_id: str | None) -> "SuppressedNumbers":
        """Those of one user; everybody's alone for None."""
        everybody = {code: numbers for (owner, code), numbers in lists.items() if owner is None}
        own = {code: numbers for (owner, code), numbers in lists.items() if owner is not None and owner == user_id}
        return cls(everybody, own)

    def among(self, numbers: npt.NDArray[np.int64]) -> dict[int, BitMap]:
        """Area code -> its suppressed numbers, for the area codes of these national numbers."""
        found = {}
        for code in np.unique(numbers // numbering.AREA_CODE).tolist():
            if code in self.everybody or code in self.own:
                found[code] = self.everybody.get(code, BitMap()) | self.own.get(code, BitMap())
        return found

"""A list of numbers, millions of them, as one roaring bitmap an area code."""

from collections.abc import Iterator, Mapping

from pyroaring import BitMap

from pipeline import notation, numbering

BUFFER = 1 << 16
FIRST = numbering.FIRST_NXX * numbering.LINES  # NXX-XXXX as an integer begins with 200-0000


def broken_rule(text: str, national: int) -> str | None:
    """Why a text, read by notation.parse, is no number that a list can hold; None for one that is."""
    if national == notation.NOT_A_NUMBER:
        return "is not a phone number" if text else "is empty"
    if national == notation.NOT_NANP:
        return "is a number of another country, not of the NANP (+1)"
    if national < 200 * numbering.AREA_CODE or national % numbering.AREA_CODE < FIRST:
        return "must be NPA-NXX-XXXX, area code NPA and exchange NXX from 200 to 999"
    return None


class NumberList:
    """Numbers by area code, each once."""

    def __init__(self, serialized: Mapping[str, bytes] | None = None) -> None:
        self._bitmaps = {code: BitMap.deserialize(value) for code, value in (serialized or {}).items()}
        self._buffers: dict[int, list[int]] = {}

    def add(self, national: int) -> None:
        """A national number that breaks no rule."""
        area_code, rest = divmod(national, numbering.AREA_CODE)
        buffer = self._buffers.setdefault(area_code, [])
        buffer.append(rest - FIRST)
        if len(buffer) >= BUFFER:
            self._flush(area_code)

    def _flush(self, area_code: int) -> None:
        self._bitmaps.setdefault(str(area_code), BitMap()).update(self._buffers.pop(area_code))

    def _all(self) -> dict[str, BitMap]:
        for area_code in list(self._buffers):
            self._flush(area_code)
        return self._bitmaps

    def __len__(self) -> int:
        return sum(len(bitmap) for bitmap in self._all().values())

    def __iter__(self) -> Iterator[int]:
        """In order, each as an integer, 1 and ten digits."""
        for area_code, bitmap in sorted(self._all().items()):
            first = numbering.first_e164(area_code) + FIRST
            yield from (first + number for number in bitmap)

    def counts(self) -> dict[str, int]:
        """Area code -> how many, sorted."""
        return {code: len(bitmap) for code, bitmap in sorted(self._all().items()) if bitmap}

    def serialized(self) -> dict[str, bytes]:
        """Area code -> its numbers as a serialized bitmap of (nxx - 200) * 10000 + line."""
        return {code: bitmap.serialize() for code, bitmap in sorted(self._all().items()) if bitmap}

    def update(self, other: "NumberList") -> None:
        """Add all numbers of another list."""
        mine = self._all()
        for code, bitmap in other._all().items():
            mine[code] = mine[code] | bitmap if code in mine else bitmap.copy()

    def difference_update(self, other: "NumberList") -> None:
        """Take all numbers of another list away."""
        mine = self._all()
        for code, bitmap in other._all().items():
            if code in mine:
                mine[code] = mine[code] - bitmap

    def common(self, other: "NumberList") -> int:
        """How many numbers are in both."""
        theirs = other._all()
        return sum(
            bitmap.intersection_cardinality(theirs[code]) for code, bitmap in self._all().items() if code in theirs
        )

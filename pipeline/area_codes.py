"""Which area codes are in use, and where: what files that name neither country nor time zone are completed by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# what the official files write in place of a state
TERRITORIES = {"PR": "PR", "VI": "VI", "GU": "GU", "AS": "AS", "MP": "MP", "NN": "MP", "CM": "MP"}
_OTHER_NAMES = {"NF": "NL", "PQ": "QC", "YK": "YT"}


class PlaceUnknown(ValueError):
    """A country, state and area code that do not fit together; the text says why."""


@dataclass(frozen=True)
class Area:
    """Where an area code is: one country, and all of its states and time zones."""

    country: str
    states: tuple[str, ...] = ()
    timezones: tuple[str, ...] = ()


@dataclass
class AreaCodes:
    """The area codes in use. opened: those that a user says are in use besides."""

    areas: Mapping[str, Area]
    opened: frozenset[str] = frozenset()
    _places: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._country_of_state = {state: area.country for area in self.areas.values() for state in area.states}

    def in_use(self, area_code: str) -> bool:
        """Whether an area code is in use."""
        return area_code in self.areas or area_code in self.opened

    def country_of(self, area_code: str) -> str | None:
        """The country of an area code; None of one that is not in the table."""
        area = self.areas.get(area_code)
        return area.country if area else None

    def timezone(self, area_code: str) -> str:
        """The time zone of a whole area code, empty where it has several."""
        area = self.areas.get(area_code)
        return area.timezones[0] if area and len(area.timezones) == 1 else ""

    def place(self, area_code: str, country: str, state: str) -> tuple[str, str]:
        """Country and state of a line, where state may be a territory's and either may be empty.

        Raises PlaceUnknown.
        """
        key = area_code, country, state
        if (found := self._places.get(key)) is None:
            found = self._places[key] = self._place(*key)
        return found

    def _place(self, area_code: str, country: str, state: str) -> tuple[str, str]:
        state = _OTHER_NAMES.get(state, state)
        said = country
        if state in TERRITORIES and country in ("", "US", TERRITORIES[state]):
            country, state = TERRITORIES[state], ""
        elif of_state := self._country_of_state.get(state):
            if country not in ("", of_state):
                raise PlaceUnknown(f"{state} is a state of {of_state}, not of {country}")
            country = of_state
        elif state:
            raise PlaceUnknown(f"{state} is no US state, territory or Canadian province")
        known = self.country_of(area_code)
        country = country or known or ""
        if not country:
            raise PlaceUnknown(f"the country of area code {area_code} is not known; name it in a column")
        if known not in (None, country):
            raise PlaceUnknown(f"area code {area_code} is in {known}, not in {said or country}")
        return country, state or self._only_state(area_code)

    def _only_state(self, area_code: str) -> str:
        area = self.areas.get(area_code)
        return area.states[0] if area and len(area.states) == 1 else ""


def read_area_codes(rows: Iterable[Mapping[str, str]]) -> dict[str, Area]:
    """The table out of rows of area_code, country, states, timezones (several with spaces between)."""
    return {
        row["area_code"]: Area(row["country"], tuple(row["states"].split()), tuple(row["timezones"].split()))
        for row in rows
    }

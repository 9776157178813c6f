"""What there is to give out: the prefix data, and how much of it is gone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrefixBlocks:
    """All rows of the prefix data of one area code in one version, as columns (little-endian uint16)."""

    area_code: str
    version: int
    first_prefix_id: int
    nxx: bytes
    blocks: bytes
    country_names: tuple[str, ...]
    country: bytes
    state_names: tuple[str, ...]
    state: bytes
    timezone_names: tuple[str, ...]
    timezone: bytes
    carrier_names: tuple[str, ...]
    carrier: bytes
    line_type_names: tuple[str, ...]
    line_type: bytes
    rate_center_names: tuple[str, ...] = ()
    rate_center: bytes = b""


@dataclass(frozen=True, slots=True)
class PrefixCurrent:
    """The version of the prefix data that new requests are planned by."""

    version: int
    source: str
    rows: int
    area_codes: tuple[str, ...]
    imported_at: int


@dataclass(frozen=True, slots=True)
class UserUsage:
    """Numbers that one user's own list suppresses, not given out and not on everybody's, by thousands block."""

    user_id: str
    blocks: bytes
    suppressed: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of an area code is gone, by thousands block, absolute: of two the greater revision is the later.

    Columns (little-endian uint16): block (number // 1000), numbers given out, numbers suppressed and not given out.
    """

    area_code: str
    revision: int
    blocks: bytes
    used: bytes
    suppressed: bytes
    users: tuple[UserUsage, ...]

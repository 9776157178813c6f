"""The space of numbers of one area code, and what is never given out of it (NANPA, ATIS-0300051).

A number within its area code is ``(nxx - 200) * 10000 + line``, 0 to 7,999,999; its thousands block is that
divided by 1000, 0 to 7,999.
"""

import numpy as np
import numpy.typing as npt

FIRST_NXX = 200
EXCHANGES = 800
LINES = 10_000
NUMBERS = EXCHANGES * LINES
BLOCK = 1_000
BLOCKS = NUMBERS // BLOCK

AREA_CODE = 10_000_000  # what the numbers of neighbouring area codes are apart, in a national number
COUNTRY = 10**10  # what E.164 adds to a national number

FICTIONAL_NXX = 555
FICTIONAL_LINES = range(100, 200)  # 555-0100 to 555-0199, set aside for fiction

# directory assistance, personal communication, Feature Group B, test lines, information services
SPECIAL_EXCHANGES = frozenset({555, 700, 950, 958, 959, 976} | {n * 100 + 11 for n in range(2, 10)})

Integers = npt.NDArray[np.integer]


def is_special(nxx: Integers) -> npt.NDArray[np.bool_]:
    """Which of these exchanges are never generated."""
    return np.isin(nxx, sorted(SPECIAL_EXCHANGES))


def first_number(nxx: int) -> int:
    """The number NXX-0000 within its area code."""
    return (nxx - FIRST_NXX) * LINES


def nxx_line(number: int) -> str:
    """A number within its area code as people write it: NXX-XXXX."""
    exchange, line = divmod(number, LINES)
    return f"{FIRST_NXX + exchange}-{line:04d}"


def first_e164(area_code: str) -> int:
    """The E.164 integer, 1 and ten digits, with which the ten million of an area code begin."""
    return COUNTRY + int(area_code) * AREA_CODE


def e164(area_code: str, numbers: Integers) -> npt.NDArray[np.int64]:
    """E.164 as an integer, 1 and ten digits, of numbers within an area code."""
    return first_e164(area_code) + FIRST_NXX * LINES + numbers.astype(np.int64)


def within(area_code: str, e164_numbers: Integers) -> npt.NDArray[np.uint32]:
    """Numbers within their area code, of E.164 integers: the inverse of `e164`."""
    return (e164_numbers - (first_e164(area_code) + FIRST_NXX * LINES)).astype(np.uint32)

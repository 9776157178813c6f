"""From a telephone number as people write it to its ten digits.

Notations are libphonenumber's affair, as its Python port reads them for a reader in the United States; what the
ten digits mean is judged in ``pipeline.verdicts``. The usual notations, which need no library, are read by one
expression that gives the same answer; a property test holds the two together.
"""

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

NOT_A_NUMBER = -1
NOT_NANP = -2

DIGITS = 10  # of a national number
MOST_CHARACTERS = 250  # libphonenumber takes no longer text for a number

# an optional country code, then ten digits of which the first is 2 to 9, with spaces, dots, hyphens and
# parentheses anywhere: libphonenumber ignores these, and nothing else of such a text can be read in two ways
_USUAL = re.compile(r"[ (]*(?:\+[ (]*1|1)?[ ().-]*([2-9](?:[ ().-]*[0-9]){9})[ ().-]*")
_PUNCTUATION = str.maketrans("", "", " ().-")


def parse(text: str) -> int:
    """The national number of a text, ten digits as an integer; NOT_A_NUMBER or NOT_NANP for what has none."""
    if len(text) > MOST_CHARACTERS:  # before the expression, whose time is the square of a run of spaces
        return NOT_A_NUMBER
    if (usual := _USUAL.fullmatch(text)) is not None:
        digits = usual[1]
        return int(digits) if len(digits) == DIGITS else int(digits.translate(_PUNCTUATION))
    return parse_by_library(text)


def parse_by_library(text: str) -> int:
    """The same by libphonenumber alone. An extension is read and left out."""
    import phonenumbers  # at the first unusual number: a worker's start is not to wait for it

    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return NOT_A_NUMBER
    if number.country_code != 1:
        return NOT_NANP
    digits = phonenumbers.national_significant_number(number)
    return int(digits) if len(digits) == DIGITS else NOT_A_NUMBER


def parse_all(texts: Iterable[str]) -> npt.NDArray[np.int64]:
    """Each text's national number or code, in order."""
    return np.fromiter(map(parse, texts), np.int64)

"""Floors of validation: a library alone line by line, and one query a number as a web application does it."""

import time
from collections.abc import Sequence

import phonenumbers
import psycopg

# what the query needs to be quick: the blocks of the current version, one row each, by number
MAKE_BLOCKS = """
CREATE TEMPORARY TABLE blocks AS
SELECT area_code, nxx, digit, carrier, line_type, state, country, timezone
FROM prefixes, generate_series(0, 9) AS digit
WHERE version = (SELECT max(version) FROM prefixes) AND (blocks >> digit) & 1 = 1;
CREATE INDEX ON blocks (area_code, nxx, digit);
ANALYZE blocks;
"""
SELECT_BLOCK = """
SELECT carrier, line_type, state, country, timezone FROM blocks WHERE area_code = %s AND nxx = %s AND digit = %s
"""


def library_seconds(lines: Sequence[str]) -> float:
    """Time for libphonenumber to read and judge each line, and to write it in E.164, without any prefix data."""
    started = time.perf_counter()
    out = []
    for line in lines:
        try:
            number = phonenumbers.parse(line, "US")
        except phonenumbers.NumberParseException:
            out.append("false")
            continue
        valid = phonenumbers.is_valid_number(number)
        out.append(f"{phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)},{valid}")
    "\n".join(out)
    return time.perf_counter() - started


def query_seconds(database_url: str, numbers: Sequence[int]) -> float:
    """Time for one indexed query a national number, on one connection that is open."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(MAKE_BLOCKS)
        started = time.perf_counter()
        for number in numbers:
            key = number // 10_000_000, number // 10_000 % 1000, number // 1000 % 10
            connection.execute(SELECT_BLOCK, key, prepare=True).fetchone()
        return time.perf_counter() - started

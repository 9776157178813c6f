"""Rows of binary COPY, byte by byte as PostgreSQL's documentation has them."""

import numpy as np
import pytest

from pipeline.binary_copy import read_rows, row_type, written_rows

ROW = row_type(number=">i8", batch=">i4", digit=">i2")


def test_a_row_is_a_count_of_fields_and_each_value_after_its_length() -> None:
    """Signature, flags and extension before; a count of -1 after."""
    assert written_rows(ROW, number=np.array([14_155_550_100]), batch=7, digit=3) == bytes.fromhex(
        "5047434f50590aff0d0a00 00000000 000000000003 00000008 000000034bbc8d94 00000004 00000007 00000002 0003ffff"
    )


def test_what_was_written_is_read() -> None:
    """Column by column; also no row at all."""
    numbers, digits = np.array([12_125_550_100, 14_155_550_199]), np.array([0, 9], np.int16)
    rows = read_rows(written_rows(ROW, number=numbers, batch=-1, digit=digits), ROW)
    assert rows["number"].tolist() == numbers.tolist()
    assert rows["batch"].tolist() == [-1, -1]
    assert rows["digit"].tolist() == [0, 9]
    assert len(read_rows(written_rows(ROW, number=numbers[:0], batch=1, digit=1), ROW)) == 0


def test_columns_of_other_lengths_are_refused() -> None:
    """A row would be made up."""
    with pytest.raises(ValueError, match="too many values"):
        written_rows(ROW, number=np.array([1, 2]), batch=1, digit=np.array([1, 2, 3]))

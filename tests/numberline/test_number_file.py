"""A file of numbers: read whole or not at all, every bad line named."""

import gzip
from pathlib import Path

import pytest

from numberline.errors import NumbersInvalid
from numberline.number_file import LONGEST_LINE, read_numbers
from pipeline.number_list import NumberList

GOOD = '\ufeff4152000000\r\n\n+1 (212) 200-0001\n"415-200-0000"\n303.200.0002'


def read(file: Path, content: bytes, skip_invalid: bool = False) -> tuple[NumberList, int]:
    """Write a file and read its numbers."""
    file.write_bytes(content)
    return read_numbers(file, skip_invalid, lambda count: None)


def refused(file: Path, content: bytes, skip_invalid: bool = False) -> str:
    """What is said of a file that is not taken."""
    with pytest.raises(NumbersInvalid) as error:
        read(file, content, skip_invalid)
    return str(error.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_is_read_plain_or_gzipped(tmp_path: Path, pack: type[bytes]) -> None:
    """With a byte order mark, either end of line, empty lines, quotes, and no end of line at the end."""
    numbers, invalid = read(tmp_path / "f", pack(GOOD.encode()))
    assert list(numbers) == [12122000001, 13032000002, 14152000000]
    assert invalid == 0


def test_all_bytes_of_a_long_file_are_told(tmp_path: Path) -> None:
    """What a progress bar adds up is the file's size, also over many chunks."""
    file, told = tmp_path / "f", list[int]()
    file.write_bytes(b"".join(b"415%07d\n" % (2_000_000 + line) for line in range(300_000)))
    numbers, _ = read_numbers(file, False, told.append)
    assert len(numbers) == 300_000
    assert sum(told) == file.stat().st_size
    assert len(told) > 3


def test_invalid_lines_are_named_and_change_nothing(tmp_path: Path) -> None:
    """The first twenty with their rule, and how many there are; or they are left out and counted."""
    content = b"phone\n4152000000\n+44 20 7946 0958\n" + b"x\n" * 25
    assert refused(tmp_path / "list.txt", content).splitlines() == [
        "list.txt has 27 lines of 28 that are no NANP numbers",
        "  line 1: 'phone' is not a phone number",
        "  line 3: '+44 20 7946 0958' is a number of another country, not of the NANP (+1)",
        *(f"  line {line}: 'x' is not a phone number" for line in range(4, 22)),
        "  and 7 more",
        "Nothing was changed. Mend them, or leave them out with --skip-invalid.",
    ]
    numbers, invalid = read(tmp_path / "list.txt", content, skip_invalid=True)
    assert (list(numbers), invalid) == ([14152000000], 27)


def test_a_file_that_is_no_list_gets_one_clear_message(tmp_path: Path) -> None:
    """Empty, cut off, another kind of file, one endless line."""
    file = tmp_path / "f"
    assert refused(file, b"") == "f is empty"
    with pytest.raises(NumbersInvalid, match=r"^nowhere cannot be read: No such file or directory$"):
        read_numbers(tmp_path / "nowhere", False, lambda count: None)
    packed = gzip.compress(GOOD.encode() * 1000)
    assert refused(file, packed[:-20]) == "f cannot be read: the gzip data ends too early"
    assert refused(file, packed[:40] + bytes(50)).startswith("f cannot be read: Error -3 while decompressing data")
    binary = refused(file, bytes(range(256)) * 100, skip_invalid=True)
    assert binary.startswith("f holds no numbers\n  line 1: ")
    assert len(binary.splitlines()) == 23
    endless = refused(file, b"1" * 5_000_000)
    assert endless.splitlines()[0] == "f holds no numbers"
    assert LONGEST_LINE < 5_000_000

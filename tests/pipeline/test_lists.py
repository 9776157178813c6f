"""Lists of every format: each record as it was, with its verdict, whatever the blocks it comes in."""

import csv
import io
import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ListInvalid
from pipeline.holders import COLUMNS as HOLDER_COLUMNS
from pipeline.holders import Holders
from pipeline.lists.format import COLUMNS
from pipeline.lists.judge import Kind, ListJudge
from pipeline.lists.lines import MAX_LINE_BYTES
from pipeline.lists.table import Table
from pipeline.prefix_build import block_bits
from pipeline.suppress import SuppressedNumbers
from tests.pipeline.data import ROWS

IN_A_RATE_CENTER = replace(ROWS[0], blocks=block_bits("0"), rate_center="San Francisco")
HOLDERS = Holders.of(
    "7",
    (
        (int(row.area_code), row.nxx, row.blocks, tuple(str(getattr(row, name)) for name in HOLDER_COLUMNS))
        for row in (*ROWS, IN_A_RATE_CENTER)
    ),
)
AT = "2026-11-24T15:00:00.000Z"
AFTER = f"7,,internal,{AT}"
KNOWN = f"7,San Francisco,internal,{AT}"  # of the block 415-200-0 alone
VALID = "true,valid,VERIZON WIRELESS,wireless,CA,US,America/Los_Angeles"


def judged(data: bytes, kind: Kind | None = None, column: str | None = None, block: int = 1 << 20) -> str:
    """The whole output."""
    judge = ListJudge(HOLDERS, SuppressedNumbers(), AT, kind, column)
    parts = [judge.feed(data[at : at + block]) for at in range(0, len(data), block)]
    return "".join([*parts, judge.end()])


def test_text_becomes_a_table() -> None:
    """One number a line, its text first; what is none keeps its line."""
    lines = judged(b'+1 415 200 0000\r\n(415) 555-0123\nhello, "you"\n\n4152001000').splitlines()
    assert lines == [
        "number," + ",".join(COLUMNS),
        f"+1 415 200 0000,+14152000000,{VALID},4152000,{KNOWN}",
        f"(415) 555-0123,+14155550123,false,fictional,,,,,,4155550,{AFTER}",
        f'"hello, ""you""",,false,not_a_number,,,,,,,{AFTER}',
        f",,false,not_a_number,,,,,,,{AFTER}",
        f"4152001000,+14152001000,{VALID},4152001,{AFTER}",
    ]


@pytest.mark.parametrize(
    ("data", "column", "numbers"),
    [
        (b"id,phone\n1,4152000000\n2,x\n", None, ["+14152000000", ""]),
        (b"phone\n4152000000\n", None, ["+14152000000"]),
        (b"a;b\n4152000000;4152000001\n", "b", ["+14152000001"]),
        (b"a;b\n4152000000;4152000001\n", "2", ["+14152000001"]),
        (b"x,4152000000\ny,4152000001\n", None, ["+14152000000", "+14152000001"]),
        (b"who,dial\nx,4152000000\ny,4152000001\n", None, ["+14152000000", "+14152000001"]),
        (b"id\tMobile\n1\t4152000000", None, ["+14152000000"]),
        (b'id,phone\n1,"(415) 200-0000"\n2,"4152000001"', None, ["+14152000000", "+14152000001"]),
        (b'note,phone\n"two\nlines, here",4152000000\n', None, ["+14152000000"]),
        (b"\xef\xbb\xbfphone,x\n4152000000,1\n", None, ["+14152000000"]),
        (b"id,phone\n1\n", None, [""]),
    ],
)
def test_the_column_is_found_or_named(data: bytes, column: str | None, numbers: list[str]) -> None:
    """By title, by place, by its numbers; with and without titles; any delimiter, quotes, line ends within."""
    text = judged(data, column=column)
    delimiter = text[text.index("e164") - 1]
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert [row["e164"] for row in rows] == numbers
    assert all(None not in row and None not in row.values() for row in rows)


def test_a_record_is_written_as_it_was_read() -> None:
    """Bytes that are no UTF-8 and superfluous quotes included; titles that are taken give way."""
    data = b'"state",phone,is_valid\n"a""b",4152000000,\xff\n'
    text = judged(data)
    header, row = text.splitlines()
    assert header == '"state",phone,is_valid,e164,validated_is_valid,validation_reason,carrier,line_type,' + (
        "validated_state,country,timezone,block,prefix_data_version,rate_center,validation_source,validated_at"
    )
    assert row.encode("utf-8", "surrogateescape").startswith(b'"a""b",4152000000,\xff,+14152000000,true,valid,')


def test_objects_get_members() -> None:
    """Text or a number; a line that is no object is kept in one; null for what is not known."""
    data = b'{"phone": "+1 415 200 0000", "state": "old"}\n{"phone": 4155550123}\n{}\n\nnot json\n[1]\n'
    rows = [json.loads(line) for line in judged(data).splitlines()]
    assert [row["e164"] for row in rows] == ["+14152000000", "+14155550123", None, None, None]
    assert [row["validation_reason"] for row in rows] == ["valid", "fictional", *["not_a_number"] * 3]
    assert (rows[0]["state"], rows[0]["validated_state"], rows[0]["block"]) == ("old", "CA", "4152000")
    assert rows[1]["carrier"] is None
    assert [row.get("line") for row in rows[3:]] == ["not json", "[1]"]
    assert rows[0]["is_valid"] is True
    assert rows[0]["prefix_data_version"] == "7"
    assert (rows[0]["rate_center"], rows[1]["rate_center"]) == ("San Francisco", None)
    assert (rows[0]["validation_source"], rows[0]["validated_at"]) == ("internal", AT)


@pytest.mark.parametrize(
    ("data", "kind", "column", "text"),
    [
        (b"a,b\n1,2\n", None, None, "no column holds telephone numbers in the first records; name one"),
        (b"a,b\n1,2\n", None, "c", "there is no column c; there are a, b"),
        (b'a,b\n"1,2\n', "csv", "a", "a field in quotes does not end: '\"1,2'"),
        (
            b'{"a": 1}\n',
            None,
            None,
            "the first objects have no member with a name for numbers, such as phone; they have a",
        ),
        (b'{"a": 1}\n', None, "b", "the first objects have no member b; they have a"),
        (b"\xff,b\n1,2\n", None, "c", "there is no column c; there are \\udcff, b"),
        (b"1" * (MAX_LINE_BYTES + 1), None, None, "a line after line 0 has more than 1048576 bytes"),
    ],
)
def test_what_is_no_list_says_why(data: bytes, kind: Kind | None, column: str | None, text: str) -> None:
    """With what there is instead."""
    with pytest.raises(ListInvalid) as caught:
        judged(data, kind, column)
    assert str(caught.value) == text


def test_a_field_of_many_lines_takes_a_time_that_grows_with_them() -> None:
    """And not with their square, for an upload has as many as it likes."""
    record = ['4152000000,"', *[""] * 120_000, '"']
    table = Table(["phone,note"], "phone")
    started = time.process_time()
    records = table.read(["phone,note", *record * 10])
    assert time.process_time() - started < 3
    assert records.raw == ["\n".join(record)] * 10


def test_an_empty_list_has_titles_alone() -> None:
    """And nothing is counted."""
    assert judged(b"") == "number," + ",".join(COLUMNS) + "\n"


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@given(
    st.lists(st.tuples(FIELD, st.sampled_from(["4152000000", "(415) 555-0123", "x"])), max_size=30),
    st.integers(1, 40),
)
def test_blocks_of_any_size_give_the_same(rows: list[tuple[str, str]], block: int) -> None:
    """And a reader of CSV finds every field again."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([("note", "phone"), *rows])
    data = out.getvalue().encode()
    whole = judged(data, "csv")
    assert judged(data, "csv", block=block) == whole
    found = list(csv.reader(io.StringIO(whole, newline="")))[1:]
    assert [tuple(row[:2]) for row in found] == rows


def test_counts_are_of_all_records() -> None:
    """More records than are looked at for the format."""
    judge = ListJudge(HOLDERS, SuppressedNumbers(), AT)
    for _ in range(3):
        judge.feed(b"4152000000\n4155550123\n" * 5_000)
    judge.end()
    assert judge.counts == {"valid": 15_000, "fictional": 15_000}

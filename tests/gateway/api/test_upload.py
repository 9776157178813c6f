"""POST of a list as a file: every record comes back with its verdict, and an error is answered as one."""

import csv
import gzip
import io
import json
from collections.abc import Iterator

import httpx
import pytest

from gateway.api.upload import Unpacked
from pipeline.lists.judge import ListJudge
from pipeline.suppress import SuppressedNumbers
from tests.gateway.api.conftest import MakeClient
from tests.pipeline.test_lists import AT, HOLDERS

URL = "/api/validate-file/"


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    """The rows of a CSV answer."""
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_list_that_is_sent_in_parts_comes_back_whole(client: MakeClient) -> None:
    """More than is kept in memory at once, without a length said before; counts in a header."""

    def parts() -> Iterator[bytes]:
        yield b"id,phone\n"
        for start in range(0, 100_000, 1_000):
            yield b"".join(b"%d,+1415555%04d\n" % (n, n % 10_000) for n in range(start, start + 1_000))

    answer = client("ula").post(URL, content=parts())
    rows = rows_of(answer)
    assert [row["id"] for row in rows] == [str(n) for n in range(100_000)]
    assert json.loads(answer.headers["Numberline-Verdicts"]) == {"special_exchange": 99_000, "fictional": 1_000}
    assert rows[100] | {"phone": ""} == {
        "id": "100",
        "phone": "",
        "e164": "+14155550100",
        "is_valid": "false",
        "validation_reason": "fictional",
        "carrier": "",
        "line_type": "",
        "state": "CA",
        "country": "US",
        "timezone": rows[100]["timezone"],
        "block": "4155550",
        "prefix_data_version": "1",
        "rate_center": "",
        "validation_source": "internal",
        "validated_at": rows[0]["validated_at"],
    }


def test_gzip_ndjson_and_a_named_column(client: MakeClient) -> None:
    """By what the bytes are."""
    data = gzip.compress(b'{"fax": "(415) 555-0123"}\n')
    answer = client("ula").post(URL, params={"column": "fax"}, content=data)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert json.loads(answer.text)["validation_reason"] == "fictional"


def test_every_member_of_a_gzip_file_is_judged(client: MakeClient) -> None:
    """As of files that were put one after the other, and filled up with zeros."""
    members = [gzip.compress(b"%d\n" % (4155550100 + n)) for n in range(3)]
    numbers = [row["number"] for row in rows_of(client("ula").post(URL, content=b"".join(members) + bytes(512)))]
    assert numbers == ["4155550100", "4155550101", "4155550102"]
    answer = client("ula").post(URL, content=members[0] + b"4155550101\n")
    assert answer.status_code == 422


@pytest.mark.parametrize("block", [2, 7, 1 << 18])
def test_members_may_be_cut_anywhere(block: int) -> None:
    """By the blocks in which a body comes."""
    data = gzip.compress(b"4155550100\n") + gzip.compress(b"") + gzip.compress(b"4155550101\n") + bytes(9)
    result = io.BytesIO()
    unpacked = Unpacked(ListJudge(HOLDERS, SuppressedNumbers(), AT), result, 1 << 20)
    for at in range(0, len(data), block):
        unpacked.feed(data[at : at + block])
    unpacked.end(b"")
    numbers = [line.partition(b",")[0] for line in result.getvalue().splitlines()]
    assert numbers == [b"number", b"4155550100", b"4155550101"]


@pytest.mark.parametrize(
    ("content", "parameters", "text"),
    [
        (b"a,b\n1,2\n", {}, "body: no column holds telephone numbers in the first records; name one"),
        (b"a,b\n1,2\n", {"column": "c"}, "body: there is no column c; there are a, b"),
        (gzip.compress(b"4155550123\n" * 1000)[:-9], {}, "body: the gzip data ends too early"),
        (b"1" * 2_000_000, {}, "body: a line after line 0 has more than 1048576 bytes"),
        (b"1\n", {"format": "xls"}, "format: input should be 'csv', 'txt' or 'ndjson'"),
    ],
)
def test_what_is_no_list_is_answered_with_why(
    client: MakeClient, content: bytes, parameters: dict[str, str], text: str
) -> None:
    """A problem, and no half result."""
    answer = client("ula").post(URL, params=parameters, content=content)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == text


def test_without_a_token_nothing_is_judged(client: MakeClient) -> None:
    """As every call."""
    one = client("ula")
    assert httpx.post(f"{one.base_url}{URL}", content=b"1\n", trust_env=False).status_code == 401

"""Whatever arrives on the topic of requests: a clear answer, a dead letter, and the worker goes on."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from numberline.client import Client
from pipeline.tokens import TokenRules, sign
from tests.fix_installation import Installation
from tests.hostile_headers import send_with_header
from tests.processes import Process, wait_until

GOOD = {"type": "generate", "user_id": "mallory", "quantity": 10, "area_code": "201"}

REFUSED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"quantity": 0}, {"quantity": "must be a whole number from 1 to 1000000; got 0"}),
    ({"quantity": 1_000_001}, {"quantity": "must be a whole number from 1 to 1000000; got 1000001"}),
    ({"quantity": "10"}, {"quantity": 'must be a whole number from 1 to 1000000; got "10"'}),
    ({"batch_size": 99}, {"batch_size": "must be a whole number from 100 to 10000; got 99"}),
    ({"batch_size": 10_001}, {"batch_size": "must be a whole number from 100 to 10000; got 10001"}),
    ({"qantity": 5}, {"qantity": "is not a field of this request, did you mean quantity?"}),
    ({"area_code": "299"}, {"area_code": "299 is not an area code in use"}),
    (
        {"carriers": ["verizen wireless"]},
        {"carriers": 'no operating company\'s name contains "verizen wireless"; nearest: '},
    ),
    ({"states": ["ZZ"]}, {"states": 'no state or province "ZZ" in the data'}),
    ({"states": ["CA"]}, {"states": "CA matches none of the numbers left by area_codes; these have NJ"}),
    (
        {"quantity": 0, "area_code": "299", "seed": "x", "extra": 1},
        {
            "quantity": "must be a whole number from 1 to 1000000; got 0",
            "area_code": "299 is not an area code in use",
            "seed": 'must be a whole number of at most 64 bits; got "x"',
            "extra": "is not a field of this request",
        },
    ),
]

UNREADABLE: list[tuple[bytes | None, str]] = [
    (b"", "is empty; send a JSON object"),
    (None, "has no value (a tombstone); send a JSON object"),
    (b'{"type": "generate", ', "is not valid JSON"),
    (b"\xff\xfe\x00", "must begin with { (JSON, UTF-8) or C3 01"),
    (b'{"type": "\xff"}', "is not UTF-8: byte 10 is 0xff"),
    (b"\xc3\x01" + bytes(8) + b"x", "unknown Avro schema fingerprint 0000000000000000"),
    (b"[1, 2]", "must begin with {"),
]


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("bad-input") as process:
        yield process


def dead_letters(installation: Installation) -> list[tuple[bytes | None, bytes, dict[str, bytes]]]:
    """Key, value and headers of every dead letter."""
    return [(r.key(), r.value(), dict(r.headers() or [])) for r in installation.records("deadletters")]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("changes", "expected"), REFUSED, ids=[",".join(changes) for changes, _ in REFUSED])
def test_a_broken_request_names_every_broken_field(
    installation: Installation, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    """task_failed with each broken field and its rule, and the original bytes on the dead letters."""
    body = GOOD | {"request_id": uuid.uuid4().hex} | changes
    ending = installation.ending(body, 30)
    assert ending["type"] == "task_failed"
    errors = {error["field"]: error["message"] for error in ending["error"]["details"]["errors"]}
    assert set(errors) == set(expected)
    for field, message in expected.items():
        assert errors[field].startswith(message)
    letters = [headers for _, value, headers in dead_letters(installation) if value == json.dumps(body).encode()]
    assert len(letters) == 1
    assert letters[0]["__streams.errors.stage"] == b"intake"
    assert letters[0]["__streams.errors.topic"] == b"end-to-end.requests"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("value", "message"), UNREADABLE, ids=[message for _, message in UNREADABLE])
def test_an_unreadable_request_goes_to_the_dead_letters(
    installation: Installation, value: bytes | None, message: str
) -> None:
    """No user can be told; the record is kept whole, with its key, headers and the reason."""
    mark = uuid.uuid4().hex.encode()
    installation.produce(value, mark=mark, authorization=b"Bearer secret")

    def letters() -> list[tuple[bytes | None, bytes, dict[str, bytes]]]:
        return [letter for letter in dead_letters(installation) if letter[2].get("mark") == mark]

    wait_until(letters, 20, "dead letter")
    ((key, kept, headers),) = letters()
    assert (key, kept or b"") == (b"any", value or b"")
    assert headers["__streams.errors.message"].decode().startswith(f"request: {message}")
    assert "authorization" not in headers


@pytest.mark.usefixtures("worker")
def test_a_record_of_neither_key_nor_value_stops_nothing(installation: Installation) -> None:
    """It is a dead letter as any other, and may be put aside."""
    mark = uuid.uuid4().hex.encode()
    producer = Producer({"bootstrap.servers": installation.settings.kafka_bootstrap_servers})
    producer.produce(f"{installation.settings.namespace}.requests", headers=[("mark", mark)])
    assert producer.flush(30) == 0

    def letters() -> list[dict[str, bytes]]:
        return [headers for *_, headers in dead_letters(installation) if headers.get("mark") == mark]

    wait_until(letters, 30, "dead letter")
    (letter,) = letters()
    origin = "/".join(letter[f"__streams.errors.{name}"].decode() for name in ("topic", "partition", "offset"))
    origin = origin.removeprefix(f"{installation.settings.namespace}.")
    done = installation.run("deadletters", "discard", "--yes", origin)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("worker")
def test_a_header_whose_name_is_no_utf_8_stops_nothing(installation: Installation) -> None:
    """A broken request with one is kept with its name spelt out, and the next request of the partition is read."""
    servers, topic = installation.settings.kafka_bootstrap_servers, f"{installation.settings.namespace}.requests"
    value = json.dumps(GOOD | {"request_id": uuid.uuid4().hex, "quantity": 0}).encode()
    asyncio.run(send_with_header(servers, topic, value, b"trace-\xff"))

    def letters() -> list[dict[str, bytes]]:
        return [headers for _, kept, headers in dead_letters(installation) if kept == value]

    wait_until(letters, 20, "dead letter")
    assert letters()[0]["trace-\\xff"] == b""
    good = GOOD | {"request_id": uuid.uuid4().hex}
    installation.produce_on("requests", json.dumps(good).encode(), [], partition=0)
    assert installation.ending(good, 30)["type"] == "task_completed"


@pytest.mark.usefixtures("worker")
def test_a_request_of_two_megabytes_is_refused_and_its_user_told(installation: Installation) -> None:
    """Beyond 1 MiB a request is refused, but read for whose it is."""
    body = GOOD | {"request_id": uuid.uuid4().hex, "task_name": "x" * 2_000_000}
    ending = installation.ending(body, 30)
    fields = [error["field"] for error in ending["error"]["details"]["errors"]]
    assert fields[0] == "request"
    assert "must be at most 1048576 bytes; it has 2000" in ending["error_message"]


@pytest.mark.usefixtures("worker")
def test_a_corrected_body_may_follow_under_the_same_request_id(installation: Installation) -> None:
    """A refusal is not the end of a request_id."""
    body = GOOD | {"request_id": uuid.uuid4().hex, "quantity": 0}
    assert installation.ending(body, 30)["type"] == "task_failed"
    assert installation.ending(body | {"quantity": 5}, 30)["type"] == "task_completed"


@pytest.mark.usefixtures("worker")
def test_more_numbers_than_exist_are_refused_with_the_figures(installation: Installation) -> None:
    """Nothing is drawn for a request that cannot be met."""
    body = GOOD | {"request_id": uuid.uuid4().hex, "quantity": 101, "fictional": True}
    ending = installation.ending(body, 30)
    assert ending["error"]["code"] == "capacity_exhausted"
    details = ending["error"]["details"]
    figures = {"exist": 100, "used": 0, "suppressed": 0, "left": 100}
    assert (details["requested"], details["exist"], details["area_codes"]) == (101, 100, {"201": figures})


@pytest.mark.usefixtures("worker")
def test_a_cancel_of_an_unknown_task_says_so(installation: Installation) -> None:
    """And it says the same when another user's task is meant."""
    body = {"type": "cancel", "user_id": "mallory", "request_id": "c", "task_id": str(uuid.uuid4())}
    answer = installation.ending(body, 30)
    assert (answer["type"], answer["code"]) == ("error", "unknown_task")


def test_the_worker_has_gone_on_through_all_of_this(installation: Installation, worker: Process) -> None:
    """The same process, which answers the next good request."""
    assert worker.alive()
    assert installation.ending(GOOD | {"request_id": uuid.uuid4().hex}, 30)["type"] == "task_completed"


def test_requests_need_their_users_signature_where_that_is_required(small_installation: Installation) -> None:
    """Unsigned, signed for another body or by another user: dead letters alone; signed: done."""
    rules = TokenRules.of(small_installation.settings)
    body = GOOD | {"request_id": "signed"}
    value = json.dumps(body).encode()
    now = time.time()
    wrong = [
        b"",
        b"Bearer " + sign(rules, "mallory", now, body=b"other").encode(),
        b"Bearer " + sign(rules, "mallory", now).encode(),
        b"Bearer " + sign(TokenRules("x" * 32), "mallory", now, body=value).encode(),
        b"Bearer " + sign(rules, "mallory", now - 7200, body=value).encode(),
        b"Bearer " + sign(rules, "trent", now, body=value).encode(),
    ]

    async def signed_task() -> dict[str, Any]:
        async with asyncio.timeout(60), Client.connected(small_installation.settings, "mallory") as client:
            for header in wrong:
                await asyncio.to_thread(small_installation.produce, value, authorization=header)
            await asyncio.to_thread(
                small_installation.produce,
                value,
                authorization=b"Bearer " + sign(rules, "mallory", now, body=value).encode(),
            )
            message = await client.next_message()
            while message is None:
                message = await client.next_message()
            return message

    with small_installation.worker("auth", NUMBERLINE_AUTH_REQUESTS="required"):
        first = asyncio.run(signed_task())
        wait_until(lambda: len(dead_letters(small_installation)) == len(wrong), 20, "dead letter of each")
    assert first["type"] == "task_started"
    for _, kept, headers in dead_letters(small_installation):
        assert kept == value
        assert not any(name.lower() == "authorization" for name in headers)

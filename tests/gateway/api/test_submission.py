"""POST: onto Kafka by the validator of the workers, acknowledged, and answered by what came of it."""

import json
import uuid
from typing import Any

import httpx
import pytest

from schemas.identity import task_id
from schemas.requests import MAX_REQUEST_BYTES
from tests.fix_installation import Installation
from tests.gateway.api.conftest import MakeClient
from tests.processes import wait_until

GENERATE = "/api/generate-numbers-enhanced/"
REQUEST = {"quantity": 100, "area_code": "402"}

pytestmark = pytest.mark.usefixtures("worker")


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in an answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:numberline:error:{body['code']}"
    return dict(body)


def errors_of(answer: httpx.Response, status: int = 422) -> dict[str, str]:
    """The broken fields of a problem and their rules."""
    return {error["field"]: error["message"] for error in problem(answer, status)["errors"]}


def ended(client: httpx.Client, status_url: str) -> dict[str, Any]:
    """The task, once it has ended."""

    def has_ended() -> bool:
        return client.get(status_url).raise_for_status().json()["status"] not in ("pending", "running")

    wait_until(has_ended, 60, "end of the task")
    return dict(client.get(status_url).json())


def test_a_generation_is_on_kafka_when_it_is_answered(installation: Installation, client: MakeClient) -> None:
    """202 with the task that anybody can compute; the record is the user's request; its numbers come."""
    user, key = f"ann-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    answer = client(user).post(GENERATE, json=REQUEST | {"task_name": "spring"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 202
    body = answer.json()
    assert body["task_id"] == task_id(user, key)
    assert body["request_id"] == key
    assert body["status"] == "running"
    assert body["status_url"] == answer.headers["location"]
    assert body["websocket_url"] == f"ws://127.0.0.1:{installation.settings.gateway_port}/ws/tasks/{user}/"
    (record,) = [one for one in installation.records("requests") if one.key() == user.encode()]
    assert json.loads(record.value()) == REQUEST | {
        "type": "generate", "user_id": user, "request_id": key, "task_name": "spring",
    }  # fmt: skip
    task = ended(client(user), body["status_url"])
    assert (task["status"], task["succeeded"], task["task_name"]) == ("completed", 100, "spring")
    assert installation.rows("SELECT count(*) FROM phone_numbers WHERE user_id = %s", user) == [(100,)]


def test_a_key_makes_one_task_however_often_it_is_sent(installation: Installation, client: MakeClient) -> None:
    """The same body: the same task. Another body: request_id_reused, and the first task is as it was."""
    user, headers = f"ben-{uuid.uuid4().hex[:8]}", {"Idempotency-Key": '"k-1"'}
    ben = client(user)
    first = ben.post(GENERATE, json=REQUEST, headers=headers).json()
    assert ended(ben, first["status_url"])["status"] == "completed"
    again = ben.post(GENERATE, json=REQUEST, headers=headers)
    assert again.status_code == 202
    assert again.json()["task_id"] == first["task_id"]
    other = problem(ben.post(GENERATE, json=REQUEST | {"quantity": 200}, headers=headers), 422)
    assert other["code"] == "request_id_reused"
    assert len(ben.get("/api/tasks/").json()["results"]) == 1
    assert installation.rows("SELECT count(*) FROM phone_numbers WHERE user_id = %s", user) == [(100,)]


def test_the_config_call_validates_by_itself(client: MakeClient) -> None:
    """auto_validate is on without being named."""
    cat = client(f"cat-{uuid.uuid4().hex[:8]}")
    task = ended(cat, cat.post("/api/generate-numbers-config/", json=REQUEST).json()["status_url"])
    assert task["status"] == "completed"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"quantity": 0}, {"quantity": "must be a whole number from 1 to 1000000; got 0"}),
        ({"quantity": 2.0}, {"quantity": "must be a whole number from 1 to 1000000; got 2.0"}),
        ({}, {"quantity": "is missing: it must be a whole number from 1 to 1000000"}),
        (
            {"quantity": "2", "area_code": "41", "x": 1},
            {
                "quantity": 'must be a whole number from 1 to 1000000; got "2"',
                "area_code": 'must be three digits, the first 2 to 9, such as "415"; got "41"',
                "x": "is not a field of this request",
            },
        ),
        ({"quantity": 1, "user_id": "eve"}, {"user_id": 'must be "dan" here, or left out'}),
        ({"quantity": 1, "type": "cancel"}, {"type": 'must be "generate" here, or left out'}),
        # what only the prefix data knows, a worker says
        ({"quantity": 1, "area_code": "299"}, {"area_code": "299 is not an area code in use"}),
        ({"quantity": 1, "states": ["ZZ"]}, {"states": 'no state or province "ZZ" in the data; nearest: AZ'}),
    ],
    ids=lambda value: ",".join(value),
)
def test_broken_rules_are_named_field_by_field(
    client: MakeClient, body: dict[str, Any], expected: dict[str, str]
) -> None:
    """422 with every broken field, in the words of the workers' validator."""
    assert errors_of(client("dan").post(GENERATE, json=body)) == expected


@pytest.mark.parametrize(
    ("content", "field", "rule"),
    [
        (b"", "request", "must be a JSON object"),
        (b"[]", "request", "must be a JSON object"),
        (b'{"quantity": 1', "request", "is not valid JSON: Expecting ',' delimiter: line 1 column 15 (char 14)"),
        (b'{"quantity": NaN}', "request", "is not valid JSON: NaN is not JSON"),
        (b'{"quantity": "\xff"}', "request", "is not UTF-8: byte 14 is 0xff"),
        (b"{" + b'"a":{' * 5000, "request", "is not valid JSON: "),
    ],
)
def test_a_body_that_cannot_be_read_says_where(client: MakeClient, content: bytes, field: str, rule: str) -> None:
    """400; nothing of it reaches Kafka."""
    answer = client("dan").post(GENERATE, content=content, headers={"Content-Type": "application/json"})
    assert errors_of(answer, 400)[field].startswith(rule)


def test_a_field_given_twice_has_no_meaning(client: MakeClient) -> None:
    """As on Kafka."""
    headers = {"Content-Type": "application/json"}
    answer = client("dan").post(GENERATE, content=b'{"quantity": 1, "quantity": 2}', headers=headers)
    assert errors_of(answer) == {"quantity": "is given twice"}


def test_a_huge_body_is_refused_before_it_is_read(client: MakeClient) -> None:
    """By its declared length, and where it declares none, by what has come."""
    headers = {"Content-Type": "application/json"}
    big = b'{"quantity": 1, "task_name": "' + b"x" * (1 << 20) + b'"}'
    for content in (big, iter([big])):
        answer = client("dan").post(GENERATE, content=content, headers=headers)
        assert problem(answer, 413)["detail"] == "a body may have 1048576 bytes at most"


def test_the_longest_request_is_taken(client: MakeClient) -> None:
    """The limit is that of the request, and a record is longer: with its key, and headers where it is signed."""
    user, key = f"ann-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    numbers = ["x" * 100] * 10_000
    request = {"request_id": key, "numbers": numbers, "type": "validate", "user_id": user}
    left = MAX_REQUEST_BYTES - len(json.dumps(request).encode())
    for place in range(left // 100):
        numbers[place] += "x" * 100
    numbers[-1] += "x" * (left % 100)
    assert len(json.dumps(request).encode()) == MAX_REQUEST_BYTES
    answer = client(user).post("/api/bulk-validate/", json={"numbers": numbers}, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text


def test_a_body_must_say_that_it_is_json(client: MakeClient) -> None:
    """A form of another site cannot send one."""
    answer = client("dan").post(GENERATE, content=b"{}", headers={"Content-Type": "text/plain"})
    assert problem(answer, 415)["detail"] == "send a JSON object, with Content-Type: application/json"


@pytest.mark.parametrize("key", ["", '"', "two words", "x" * 65, 'a"b'])
def test_a_key_has_the_rules_of_a_request_id(client: MakeClient, key: str) -> None:
    """422 names the header."""
    answer = client("dan").post(GENERATE, json=REQUEST, headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in errors_of(answer)


def test_the_key_and_the_request_id_are_the_same(client: MakeClient) -> None:
    """Two names for one thing cannot differ."""
    answer = client("dan").post(GENERATE, json=REQUEST | {"request_id": "a"}, headers={"Idempotency-Key": "b"})
    assert errors_of(answer) == {"request_id": "must be the Idempotency-Key, or left out"}


def test_a_cancel_ends_the_task_once(client: MakeClient) -> None:
    """202, then the exact count; a second one is 409; another user's task is 404, as one that is not there."""
    fay, eve = client(f"fay-{uuid.uuid4().hex[:8]}"), client("eve")
    begun = fay.post(GENERATE, json={"quantity": 1_000_000, "states": ["TX"]}).json()
    url = f"/api/tasks/{begun['task_id']}/cancel/"
    assert problem(eve.post(url), 404)["detail"] == "you have no such task"
    assert problem(eve.get(begun["status_url"]), 404)["code"] == "unknown_task"
    assert problem(eve.post(f"/api/tasks/{uuid.uuid4()}/cancel/"), 404)["code"] == "unknown_task"
    answer = fay.post(url)
    assert (answer.status_code, answer.json()["task_id"]) == (202, begun["task_id"])
    task = ended(fay, begun["status_url"])
    assert task["status"] == "cancelled"
    assert task["succeeded"] == task["result_data"]["total_generated"] < 1_000_000
    assert problem(fay.post(url), 409)["detail"] == "the task is cancelled already"


def test_a_cancel_whose_answer_was_lost_is_repeated(client: MakeClient) -> None:
    """The same key is the same cancel, also when it has ended the task meanwhile; another one is too late."""
    gus = client(f"gus-{uuid.uuid4().hex[:8]}")
    begun = gus.post(GENERATE, json={"quantity": 1_000_000, "states": ["TX"]}).json()
    url = f"/api/tasks/{begun['task_id']}/cancel/"
    first, second = {"Idempotency-Key": "c-1"}, {"Idempotency-Key": "c-2"}
    assert gus.post(url, headers=first).status_code == 202
    assert ended(gus, begun["status_url"])["status"] == "cancelled"
    again = gus.post(url, headers=first)
    assert (again.status_code, again.json()["task_id"]) == (202, begun["task_id"])
    assert problem(gus.post(url, headers=second), 409)["code"] == "task_ended"

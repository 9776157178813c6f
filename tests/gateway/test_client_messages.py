"""What clients may send, and what they hear of what they may not."""

import pytest

from gateway.client_messages import (
    MODELS,
    MOST_ERRORS,
    Authenticate,
    ClientMessage,
    GetActiveTasks,
    MessageInvalid,
    Ping,
    Resume,
    SubscribeTask,
    UnsubscribeTask,
    parse,
)
from tests.samples import TASK

TYPES = "must be one of authenticate, ping, get_active_tasks, subscribe_task, unsubscribe_task, resume"
UUID = "must be the task's id, a lower-case UUID"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ('{"type": "ping"}', Ping(type="ping")),
        ('{"type": "get_active_tasks"}', GetActiveTasks(type="get_active_tasks")),
        (f'{{"type": "subscribe_task", "task_id": "{TASK}"}}', SubscribeTask(type="subscribe_task", task_id=TASK)),
        (
            f'{{"type": "unsubscribe_task", "task_id": "{TASK}"}}',
            UnsubscribeTask(type="unsubscribe_task", task_id=TASK),
        ),
        ('{"type": "resume", "position": "any"}', Resume(type="resume", position="any")),
        ('{"type": "authenticate", "token": "t"}', Authenticate(type="authenticate", token="t")),
    ],
)
def test_each_message_of_the_contract_is_understood(frame: str, message: ClientMessage) -> None:
    assert parse(frame) == message


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        ("", "message must be a JSON object"),
        ("{", "message must be a JSON object"),
        ("[]", "message must be a JSON object"),
        ('[{"type": "ping"}]', "message must be a JSON object"),
        ("null", "message must be a JSON object"),
        ("12", "message must be a JSON object"),
        ("[" * 10_000, "message must be a JSON object"),
        (b'{"type": "ping"}', "message must be a text frame that holds a JSON object"),
        ("{}", f"type {TYPES}"),
        ('{"type": "pong"}', f"type {TYPES}"),
        ('{"type": 1}', f"type {TYPES}"),
        ('{"type": null}', f"type {TYPES}"),
        ('{"type": ["ping"]}', f"type {TYPES}"),
        ('{"type": "subscribe_task"}', f"task_id is missing: it {UUID}"),
        ('{"type": "subscribe_task", "task_id": 7}', f"task_id {UUID}"),
        ('{"type": "subscribe_task", "task_id": null}', f"task_id {UUID}"),
        ('{"type": "subscribe_task", "task_id": "x"}', f"task_id {UUID}"),
        (f'{{"type": "unsubscribe_task", "task_id": "{TASK.upper()}"}}', f"task_id {UUID}"),
        ('{"type": "resume"}', "position is missing: it must be the position of a message, as it came"),
        ('{"type": "resume", "position": 5}', "position must be the position of a message, as it came"),
        ('{"type": "ping", "id": 1}', "id is not a field of ping"),
        (
            '{"type": "resume", "positon": "1"}',
            "position is missing: it must be the position of a message, as it came; "
            "positon is not a field of resume",
        ),
    ],
)
def test_a_broken_message_names_every_field_and_its_rule(frame: str | bytes, sentence: str) -> None:
    with pytest.raises(MessageInvalid) as invalid:
        parse(frame)
    assert str(invalid.value) == sentence


def test_a_message_that_breaks_very_many_rules_is_told_the_first() -> None:
    """An answer must not be twenty times as long as what it answers."""
    fields = "".join(f', "{number}": 1' for number in range(5_000))
    with pytest.raises(MessageInvalid) as invalid:
        parse(f'{{"type": "ping"{fields}}}')
    assert [error.field for error in invalid.value.errors] == [str(number) for number in range(MOST_ERRORS)]


def test_every_model_is_in_the_table() -> None:
    for name, model in MODELS.items():
        assert model.model_fields["type"].annotation is not None
        assert name in str(model.model_fields["type"].annotation)


def test_a_token_is_never_shown() -> None:
    assert "secret" not in repr(parse('{"type": "authenticate", "token": "secret"}'))
    with pytest.raises(MessageInvalid) as invalid:
        parse('{"type": "authenticate", "token": "secret", "more": 1}')
    assert "secret" not in str(invalid.value)

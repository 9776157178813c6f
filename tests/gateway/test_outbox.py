"""The bounded queue of one client."""

import pytest

from gateway.messages import Message
from gateway.outbox import MOST_BYTES, MOST_MESSAGES, SLOW_BYTES, SLOW_MESSAGES, Outbox, Overflow


def progress(task: str, number: int) -> Message:
    return Message("task_progress", f"{task}{number}".encode(), number, task, "generate", True)


def other(number: int) -> Message:
    return Message("task_completed", f"end{number}".encode(), number, f"t{number}", "generate")


def emptied(outbox: Outbox) -> list[bytes]:
    found = []
    while (message := outbox.take()) is not None:
        found.append(message.text)
    return found


def test_a_reader_that_is_not_far_behind_gets_everything() -> None:
    outbox = Outbox()
    for number in range(SLOW_MESSAGES):
        outbox.put(progress("a", number))
    assert emptied(outbox) == [f"a{number}".encode() for number in range(SLOW_MESSAGES)]
    assert outbox.coalesced == 0


def test_a_slow_reader_gets_the_newest_progress_of_each_task_in_the_order_of_the_topic() -> None:
    outbox = Outbox()
    outbox.put(other(0))
    outbox.put(progress("b", 1))
    for number in range(SLOW_MESSAGES - 2):
        outbox.put(progress("a", number))
    outbox.put(other(1))
    newest_of_a = SLOW_MESSAGES - 3
    assert emptied(outbox) == [b"end0", b"b1", f"a{newest_of_a}".encode(), b"end1"]
    assert outbox.coalesced == newest_of_a


def test_progress_alone_never_overflows() -> None:
    outbox = Outbox()
    for number in range(10 * MOST_MESSAGES):
        outbox.put(progress("ab"[number % 2], number))
    assert len(outbox) <= SLOW_MESSAGES
    assert emptied(outbox)[-1] == f"b{10 * MOST_MESSAGES - 1}".encode()


def test_nothing_but_progress_is_dropped_and_too_much_of_it_overflows() -> None:
    outbox = Outbox()
    for number in range(MOST_MESSAGES):
        outbox.put(other(number))
    with pytest.raises(Overflow):
        outbox.put(other(MOST_MESSAGES))
    assert emptied(outbox)[:MOST_MESSAGES] == [f"end{number}".encode() for number in range(MOST_MESSAGES)]


def test_bytes_are_bounded_too_but_one_big_message_passes() -> None:
    outbox = Outbox()
    outbox.put(other(0))
    outbox.put(Message("active_tasks", b"x" * (MOST_BYTES + 1)))
    with pytest.raises(Overflow):
        outbox.put(other(1))
    assert len(emptied(outbox)) == 2
    outbox.put(other(2))
    assert emptied(outbox) == [b"end2"]


def test_progress_gives_way_to_what_must_fit() -> None:
    outbox = Outbox()
    most = b"x" * MOST_BYTES
    outbox.put(Message("task_progress", most, 1, "a", "generate", True))
    outbox.put(Message("task_progress", most, 1, "a", "generate", True))
    outbox.put(other(1))
    assert emptied(outbox) == [most, b"end1"]


def test_a_reader_is_slow_by_messages_or_by_bytes() -> None:
    outbox = Outbox()
    for number in range(SLOW_MESSAGES - 1):
        outbox.put(other(number))
    assert not outbox.slow
    outbox.put(other(SLOW_MESSAGES))
    assert outbox.slow
    emptied(outbox)
    outbox.put(Message("active_tasks", b"x" * SLOW_BYTES))
    assert outbox.slow
    emptied(outbox)
    assert not outbox.slow


def test_a_reader_that_has_caught_up_gets_everything_again() -> None:
    outbox = Outbox()
    for number in range(SLOW_MESSAGES + 1):
        outbox.put(progress("a", number))
    assert emptied(outbox) == [f"a{SLOW_MESSAGES}".encode()]
    outbox.put(progress("a", 98))
    outbox.put(progress("a", 99))
    assert emptied(outbox) == [b"a98", b"a99"]


def test_what_will_be_told_again_is_withdrawn_and_answers_stay() -> None:
    outbox = Outbox()
    for message in (progress("a", 1), Message("pong", b"pong"), other(2)):
        outbox.put(message)
    outbox.withdraw()
    assert emptied(outbox) == [b"pong"]
    outbox.put(other(3))
    assert emptied(outbox) == [b"end3"]

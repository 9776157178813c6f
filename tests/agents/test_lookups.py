"""The client of a lookup provider against a server that answers, and fails, in every way."""

import asyncio
import math
from collections.abc import Iterator

import pytest

from agents.lookups import client as client_module
from agents.lookups.client import ATTEMPTS, FAILURES_THAT_OPEN, LookupClient
from agents.lookups.provider import load_provider
from agents.lookups.twilio import LINE_TYPES, Twilio
from pipeline.errors import SettingsInvalid
from pipeline.judge import Answer
from tests.lookup_server import SID, TOKEN, LookupServer, documented

NUMBER = 14155550123
MOBILE = Answer(line_type="mobile", carrier="T-Mobile USA, Inc.")


@pytest.fixture
def server() -> Iterator[LookupServer]:
    """A server of its own for each test."""
    with LookupServer().running() as running:
        yield running


def provider(server: LookupServer, token: str = TOKEN) -> Twilio:
    """Twilio at the test's server."""
    return Twilio({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": token, "TWILIO_LOOKUPS_URL": server.url})


async def asked(server: LookupServer, *behaviours: str, timeout_seconds: float = 30.0) -> Answer:
    """The answer for NUMBER where the server does these one after the other."""
    server.behaviours[f"+{NUMBER}"] = list(behaviours)
    async with LookupClient(provider(server), 1000, timeout_seconds) as client:
        return await client.look_up(NUMBER)


@pytest.mark.parametrize(
    ("behaviours", "answer", "calls"),
    [
        (["answers"], MOBILE, 1),
        (["invalid"], Answer(reason="unassigned_block"), 1),
        (["no type"], Answer(error="provider_error_60600"), 1),
        (["500", "503", "answers"], MOBILE, 3),
        (["429", "answers"], MOBILE, 2),
        (["500"], Answer(error="http_500"), ATTEMPTS),
        (["429"], Answer(error="too_many_requests"), ATTEMPTS),
        (["cut off"], Answer(error="not_reachable"), 1),
        (["wrong"], Answer(error="wrong_answer"), 1),
        (["wrong fields"], Answer(error="wrong_answer"), 1),
        (["NUL"], Answer(error="wrong_answer"), 1),
        (["half a pair"], Answer(error="wrong_answer"), 1),
        (["huge"], Answer(error="wrong_answer"), 1),
        (["404"], Answer(error="http_404"), 1),
        (["302"], Answer(error="http_302"), 1),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else None,
)
async def test_every_way_of_answering(
    server: LookupServer, behaviours: list[str], answer: Answer, calls: int
) -> None:
    """What may pass is tried again; what will not, or may be paid for, is not; and nothing raises."""
    assert await asked(server, *behaviours) == answer
    assert server.calls[f"+{NUMBER}"] == calls


async def test_a_slow_provider_costs_a_bounded_time(server: LookupServer) -> None:
    """Retries included."""
    assert await asked(server, "slow", timeout_seconds=0.5) == Answer(error="timeout")


async def test_nobody_there() -> None:
    """A port that nobody listens on."""
    nowhere = {"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_LOOKUPS_URL": "http://127.0.0.1:1"}
    async with LookupClient(Twilio(nowhere), 1000, 30) as client:
        assert await client.look_up(NUMBER) == Answer(error="not_reachable")


async def test_wrong_credentials_are_said(server: LookupServer) -> None:
    """Not tried again; and the token is in no answer."""
    async with LookupClient(provider(server, "stolen"), 1000, 30) as client:
        assert await client.look_up(NUMBER) == Answer(error="http_401")
    assert server.calls.total() == 1
    assert TOKEN not in repr(provider(server).call(NUMBER))


async def test_a_provider_that_is_down_is_left_alone(server: LookupServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some failures nobody asks for a while; then one may try, and all may when it is answered."""
    monkeypatch.setattr(client_module, "OPEN_SECONDS", 1)
    server.behaviours[f"+{NUMBER}"] = ["404"] * FAILURES_THAT_OPEN + ["answers"]
    async with LookupClient(provider(server), 20, 30) as client:
        for _ in range(FAILURES_THAT_OPEN):
            assert await client.look_up(NUMBER) == Answer(error="http_404")
        assert await client.look_up(NUMBER) == Answer(error="provider_down")
        assert server.calls.total() == FAILURES_THAT_OPEN
        async with asyncio.timeout(30):
            while await client.turn(math.inf):  # which makes it wait
                if (answer := await client.look_up(NUMBER)) != Answer(error="provider_down"):
                    break
        assert answer == MOBILE
        assert await client.look_up(NUMBER) == MOBILE


async def test_no_more_are_asked_a_second_than_the_setting_says(server: LookupServer) -> None:
    """A burst of a second's worth, then one after the other; whose turn does not come in time is told."""
    async with LookupClient(provider(server), 5, 30) as client:
        now = asyncio.get_running_loop().time
        started = now()
        assert await asyncio.gather(*(client.turn(started + 30) for _ in range(8))) == [True] * 8
        assert now() - started > 0.5
        assert await asyncio.gather(*(client.turn(now()) for _ in range(3))) == [False] * 3


@pytest.mark.parametrize("line_type", LINE_TYPES)
def test_every_documented_line_type(line_type: str) -> None:
    """As Twilio names them."""
    twilio = Twilio({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN})
    assert twilio.answer(documented("+14155550123", line_type)).line_type == line_type


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("TOO_SHORT", "not_a_number"),
        ("TOO_LONG", "not_a_number"),
        ("INVALID_BUT_POSSIBLE", "unassigned_block"),
        ("INVALID_COUNTRY_CODE", "not_nanp"),
        ("INVALID_LENGTH", "not_a_number"),
        ("NOT_A_NUMBER", "not_a_number"),
    ],
)
def test_what_is_invalid_for_twilio_has_one_of_our_reasons(error: str, reason: str) -> None:
    """Each of its validation errors."""
    twilio = Twilio({"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN})
    assert twilio.answer({"valid": False, "validation_errors": [error]}) == Answer(reason=reason)


def test_a_provider_is_found_by_its_entry_point() -> None:
    """And says which variables it lacks; one that is not installed is named with those that are."""
    environment = {"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN}
    assert isinstance(load_provider("twilio", environment), Twilio)
    with pytest.raises(SettingsInvalid) as caught:
        load_provider("twilio", {})
    assert set(caught.value.problems) == {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"}
    with pytest.raises(SettingsInvalid) as caught:
        load_provider("oracle", environment)
    assert str(caught.value) == (
        "NUMBERLINE_LOOKUP_PROVIDER must be a provider that is installed: twilio; got 'oracle'"
    )

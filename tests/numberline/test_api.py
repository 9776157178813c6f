"""The client, plain and asyncio, against a real gateway; which is killed under it."""

import contextlib
import io
import signal
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from embedded.ports import free_port
from numberline.api import ApiError, AsyncClient, Client, Task, calls
from numberline.api.calls import Lines, Watching, pause, post
from pipeline.tokens import TokenRules, sign
from tests.fix_installation import Installation
from tests.processes import Process, get, wait_until

QUANTITY = 300_000


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("client") as process:
        yield process


def token_of(installation: Installation, user: str) -> str:
    """A good token."""
    return sign(TokenRules.of(installation.settings), user, time.time())


def url_of(installation: Installation) -> str:
    """The session's gateway."""
    return f"http://127.0.0.1:{installation.settings.http_port}"


class Mortal:
    """A gateway of a test's own, which can be killed and comes back on the same ports."""

    def __init__(self, installation: Installation, stack: contextlib.ExitStack) -> None:
        self._installation, self._stack = installation, stack
        self.http_port, self._port = free_port(), free_port()
        self._start()

    def _start(self) -> None:
        ports = {"NUMBERLINE_HTTP_PORT": str(self.http_port), "NUMBERLINE_GATEWAY_PORT": str(self._port)}
        self._process = self._stack.enter_context(self._installation.process("gateway", "mortal", **ports))
        wait_until(lambda: get(f"http://127.0.0.1:{self._port}/readyz"), 60, "ready gateway")

    def kill(self) -> None:
        """Kill it, and start it again."""
        self._process.stop(signal.SIGKILL)
        self._start()


@pytest.mark.usefixtures("worker")
def test_submit_watch_read_export(installation: Installation, tmp_path: Path) -> None:
    """All of a task by the plain client; what it gives is what PostgreSQL holds."""
    user = f"una-{uuid.uuid4().hex[:8]}"
    with Client(url_of(installation), token_of(installation, user)) as client:
        submitted = client.generate(250, area_codes=["402"], task_name="client", idempotency_key="k")
        again = client.generate(250, area_codes=["402"], task_name="client", idempotency_key="k")
        assert again.task_id == submitted.task_id
        states = list(client.watch(submitted.task_id))
        assert states[-1].status == "completed"
        assert client.wait(submitted.task_id) == states[-1]
        assert [task.task_id for task in client.tasks()] == [submitted.task_id]
        assert list(client.tasks(active=True)) == []
        numbers = list(client.numbers(task_id=submitted.task_id, page_size=100))
        stored = installation.rows(
            "SELECT number FROM phone_numbers WHERE user_id = %s ORDER BY batch_id, number_value", user
        )
        assert [one.number for one in numbers] == [number for (number,) in stored]
        assert client.statistics()["total"] == 250
        client.export(tmp_path / "numbers.txt", format="txt", task_id=submitted.task_id)
        assert (tmp_path / "numbers.txt").read_text().split() == [one.number for one in numbers]


@pytest.mark.usefixtures("worker")
async def test_the_same_awaited(installation: Installation) -> None:
    """By the asyncio client, several tasks at once."""
    user = f"vic-{uuid.uuid4().hex[:8]}"
    async with AsyncClient(url_of(installation), token_of(installation, user)) as client:
        first = await client.generate(50, area_codes=["402"])
        second = await client.generate(50, area_codes=["531"])
        for submitted in (first, second):
            assert (await client.wait(submitted.task_id)).status == "completed"
        assert {task.task_id async for task in client.tasks()} == {first.task_id, second.task_id}
        numbers = [one.number async for one in client.numbers(area_code="531")]
        assert len(numbers) == 50
        out = io.BytesIO()
        await client.export(out, format="txt", area_code="531")
        assert out.getvalue().decode().split() == numbers
        assert (await client.statistics())["by_area_code"] == {"402": 50, "531": 50}
        cancelled = await client.generate(1_000_000)
        await client.cancel(cancelled.task_id)
        assert (await client.wait(cancelled.task_id)).status == "cancelled"


@pytest.mark.usefixtures("worker")
def test_a_gateway_that_is_killed_is_only_a_pause(installation: Installation) -> None:
    """While a task is watched, and in the middle of an export, which is whole all the same."""
    user = f"wyn-{uuid.uuid4().hex[:8]}"

    class Fatal(io.BytesIO):
        """A file whose writing kills the gateway, once."""

        killed = False

        def write(self, data: bytes) -> int:  # type: ignore[override]
            """Keep, and strike when enough has come."""
            if self.tell() > 500_000 and not self.killed:
                self.killed = True
                gateway.kill()
            return super().write(data)

    with contextlib.ExitStack() as stack:
        gateway = Mortal(installation, stack)
        client = stack.enter_context(Client(f"http://127.0.0.1:{gateway.http_port}", token_of(installation, user)))
        submitted = client.generate(QUANTITY)
        states = list[Task]()
        for state in client.watch(submitted.task_id):
            if not states:
                gateway.kill()
            states.append(state)
        assert (states[-1].status, states[-1].succeeded) == ("completed", QUANTITY)
        counts = [state.processed_items for state in states]
        assert counts == sorted(counts)
        out = Fatal()
        client.export(out, format="csv", task_id=submitted.task_id)
        assert out.killed
        lines = out.getvalue().decode().splitlines()
        assert lines[0].startswith("number,area_code,")
        ((expected,),) = installation.rows(
            "SELECT string_agg(number, ',' ORDER BY batch_id, number_value) FROM phone_numbers WHERE user_id = %s",
            user,
        )
        assert [line.partition(",")[0] for line in lines[1:]] == expected.split(",")


def test_a_refusal_is_an_error_with_its_fields(installation: Installation) -> None:
    """At once, without trying again."""
    with Client(url_of(installation), token_of(installation, "xia")) as client:
        with pytest.raises(ApiError) as refused:
            client.generate(0)
        assert str(refused.value) == "quantity: must be a whole number from 1 to 1000000; got 0 (invalid_request)"
        assert refused.value.errors == [
            {"field": "quantity", "message": "must be a whole number from 1 to 1000000; got 0"}
        ]
    with Client(url_of(installation), "a.e30.c") as stranger, pytest.raises(ApiError) as refused:
        stranger.task(str(uuid.uuid4()))
    assert refused.value.status == 401


def test_only_what_may_pass_is_tried_again() -> None:
    """And Retry-After is kept to; after the fifth time the last answer stands."""
    busy = httpx.Response(429, headers={"Retry-After": "7"})
    assert pause(1, busy) == 7.0
    assert pause(5, busy) is None
    assert pause(1, httpx.Response(422)) is None
    assert 0 < (pause(1, None) or 0) <= 0.5
    assert 0 < (pause(4, httpx.Response(503)) or 0) <= 4.0


@pytest.mark.parametrize(("unknown", "known"), [(2, True), (5, False)])
def test_a_task_that_no_worker_has_answered_yet_is_asked_for_again(
    unknown: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request is acknowledged, and a busy installation may hear of it later; five times, as ever."""
    pauses: list[float] = []
    asked: list[str] = []

    def task(_: Client, task_id: str) -> str:
        asked.append(task_id)
        if len(asked) <= unknown:
            raise ApiError(404, "unknown_task", "you have no such task", [])
        return "the task"

    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(Client, "task", task)
    with Client("http://127.0.0.1:1", "a.e30.c") as client:
        if known:
            assert client._answered("t-1") == "the task"  # type: ignore[comparison-overlap]
        else:
            with pytest.raises(ApiError, match="you have no such task"):
                client._answered("t-1")
    assert len(pauses) == min(unknown, 4)


def test_lines_of_an_export_are_whole_however_it_is_cut() -> None:
    """Half a line is kept back, and comes again after a cut."""
    lines = Lines()
    assert lines.take(b"number,state\n+1402555") == b"number,state\n"
    assert lines.last is None
    assert lines.take(b"0100,NE\n+14025550101") == b"+14025550100,NE\n"
    assert lines.last == "+14025550100"
    lines.cut()
    assert lines.take(b"+14025550101,NE\n") == b"+14025550101,NE\n"


def test_an_export_that_is_cut_before_its_first_number_has_its_titles_once() -> None:
    """However often that happens: there is nothing to go on after, so it begins anew."""
    lines = Lines()
    given = lines.take(b"number,state\n+1402555")
    for _ in range(2):
        lines.cut()
        given += lines.take(b"number,")
        given += lines.take(b"state\n+14025")
    lines.cut()
    given += lines.take(b"number,state\n+14025550100,NE\n")
    assert given == b"number,state\n+14025550100,NE\n"
    assert lines.last == "+14025550100"


def test_a_cut_before_anything_was_resumed_loses_no_position() -> None:
    """The position of a new connection is newer than what was missed, and counts only where there is no other."""
    watching = Watching("t-1")
    watching.take('{"type": "connection_established", "position": "0-5-00000000"}')
    watching.take('{"type": "connection_established", "position": "0-9-00000000"}')
    assert watching.position == "0-5-00000000"
    watching.take('{"type": "active_tasks", "position": "0-7-00000000", "tasks": []}')
    assert watching.position == "0-7-00000000"


def test_the_key_of_a_call_is_its_request_id() -> None:
    """Which is a field as any other; a key beside it is left for the gateway to compare."""
    key = "Idempotency-Key"
    assert post("/", {"request_id": "r-1"}, None).headers == {key: "r-1"}
    assert post("/", {"request_id": "r-1"}, "k").headers == {key: "k"}
    bodies: tuple[dict[str, object] | None, ...] = ({}, {"request_id": "é"}, {"request_id": 5}, None)
    made = [(post("/", body, None).headers or {})[key] for body in bodies]
    assert len(set(made)) == 4


class Cut(httpx.AsyncByteStream, httpx.SyncByteStream):
    """The first lines of an export, whose gateway then ends."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"number,state\n+14025550100,NE\n+140255"
        raise httpx.RemoteProtocolError("cut")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


class Restarted:
    """A gateway that is cut in the middle of an export, is away, is not ready yet, and then answers."""

    def __init__(self, last: httpx.Response) -> None:
        self.answers = iter([httpx.Response(200, stream=Cut()), httpx.Response(502), httpx.Response(503), last])
        self.asked: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params.get("after"))
        return next(self.answers)

    async def awaited(self, request: httpx.Request) -> httpx.Response:
        """The same for asyncio."""
        return self(request)


LINES = b"number,state\n+14025550100,NE\n+14025550101,NE\n"


async def export_by(kind: type[Client] | type[AsyncClient], gateway: Restarted) -> bytes:
    """What an export through a client has written."""
    out = io.BytesIO()
    client = kind("http://127.0.0.1:1", "a.e30.c")
    if isinstance(client, Client):
        client._http = httpx.Client(base_url="http://127.0.0.1:1", transport=httpx.MockTransport(gateway))
        client.export(out)
    else:
        transport = httpx.MockTransport(gateway.awaited)
        client._http = httpx.AsyncClient(base_url="http://127.0.0.1:1", transport=transport)
        await client.export(out)
    return out.getvalue()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
async def test_an_export_waits_for_a_gateway_as_every_call_does(
    kind: type[Client] | type[AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that answers that it is not ready; what is no such answer is an error at once."""
    monkeypatch.setattr(calls, "FIRST_PAUSE_SECONDS", 0.0)
    gateway = Restarted(httpx.Response(200, content=b"+14025550101,NE\n"))
    assert await export_by(kind, gateway) == LINES
    assert gateway.asked == [None, *["+14025550100"] * 3]
    with pytest.raises(ApiError, match="gone"):
        await export_by(kind, Restarted(httpx.Response(422, json={"detail": "gone", "code": "invalid_request"})))

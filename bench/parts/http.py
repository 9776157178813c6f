"""http: submissions, pages, an export and statistics at one gateway, each beside its floor."""

import asyncio
import http.client
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg

from bench import goals, procfs
from bench.calls import Caller, calling
from bench.floors.produce import bare_producer
from bench.load import Delivered
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import MORE_AREA_CODES, Sizes
from bench.stats import percentile, quotients
from bench.system import gateway_process
from numberline.setup.topics import create_topics
from pipeline.settings import variable
from pipeline.tokens import TokenRules, sign
from pipeline.views import EXPORTED
from schemas import topics

USER = "bench-http"
NAMESPACE = "numberline-bench-http"
CONNECTIONS = 16
PAGE = 100
PAUSE_SECONDS = 0.02
POST = "/api/generate-numbers-enhanced/"
BODY = json.dumps({"quantity": 1, "area_code": "415"}).encode()
MEGABYTE = 1e6

METHOD = (
    "A gateway of its own, in its own process, without its limit of calls; the clients are in the suite's process, "
    "keep their connections open and parse nothing. The worker runs as always.",
    f"Submissions: {CONNECTIONS} users at once, each with one connection and one call at a time, for one number "
    "each; a 202 waits for the worker's first answer. Floor: the same HTTP server (uvicorn, h11) with one call "
    "that sends its body to Kafka, acks=all, and answers 202; same broker, same clients.",
    f"Pages: {PAGE} numbers of a task of a million, page after page by `next`. Floor: as many rows of the view by "
    "SQL, batch by batch.",
    "Export: all of the million as CSV, not compressed. Floor: COPY (SELECT the same columns) TO STDOUT (FORMAT "
    "csv) of the same rows into the suite's process. Memory: growth of the gateway's VmHWM over VmRSS before.",
    "Statistics: of that user, on the idle system, and every 20 ms while another million of the same user is made.",
)


async def measure(bench: Bench) -> Measured:
    """A million numbers are made; then all kinds, and again."""
    sizes, found = bench.sizes, dict[str, list[float]]()
    servers = bench.system.settings.kafka_bootstrap_servers
    await create_topics(servers, NAMESPACE, 1, 1)
    topic = topics.topic_name(NAMESPACE, topics.REQUESTS)
    async with bench.load.client(USER) as client:
        held = await bench.load.one(client, USER, sizes.million, MORE_AREA_CODES)
        bench.advance()
        settings = {variable("http_calls_per_minute"): "1000000"}
        with gateway_process(bench.system, settings) as gateway, bare_producer(servers, topic) as bare:
            for _ in range(bench.repeat):
                await _submissions(bench, gateway.http_port, bare, found)
                token = _token(bench, USER)
                async with calling(gateway.http_port, token) as caller:
                    await _pages(bench, caller, held, found)
                await _export(bench, gateway.pid, gateway.http_port, held, found)
                async with calling(gateway.http_port, token) as caller:
                    await _statistics(caller, sizes.samples, 0, found, "idle")
                    running = asyncio.create_task(bench.load.one(client, USER, sizes.million, MORE_AREA_CODES))
                    while not running.done():
                        await _statistics(caller, 1, PAUSE_SECONDS, found, "running")
                    await running
                bench.advance()
    return Measured(_figures(found, sizes, bench.repeat), METHOD)


def _token(bench: Bench, user: str) -> str:
    return sign(TokenRules.of(bench.system.settings), user, time.time(), 24 * 3600)


async def _submissions(bench: Bench, port: int, bare: int, found: dict[str, list[float]]) -> None:
    """The same calls at the gateway and at the floor."""
    calls = max(1, bench.sizes.samples * 10 // CONNECTIONS)
    users = [f"{USER}-{number}" for number in range(CONNECTIONS)]
    async with _callers(port, [_token(bench, user) for user in users]) as callers:
        tasks: list[str] = []
        waits, seconds = await _posts(callers, calls, tasks)
    for user in users:
        # by a connection of its own: one that waits for its turn longer than the gateway's patience is closed
        async with calling(port, _token(bench, user)) as caller:
            while json.loads(await caller.call("GET", "/api/tasks/active/"))["results"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    for task in tasks:
        bench.load.count(Delivered(task, 1, 1, 0.0))
    _add(found, "posts", len(waits) / seconds)
    _add(found, "post p50", percentile(waits, 50) * 1000)
    _add(found, "post p99", percentile(waits, 99) * 1000)
    async with _callers(bare, [None] * CONNECTIONS) as callers:
        waits, seconds = await _posts(callers, calls, [])
    _add(found, "bare posts", len(waits) / seconds)


@asynccontextmanager
async def _callers(port: int, tokens: Sequence[str | None]) -> AsyncIterator[list[Caller]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(calling(port, token)) for token in tokens]


async def _posts(callers: Sequence[Caller], calls: int, tasks: list[str]) -> tuple[list[float], float]:
    """How long each took, and all together, in seconds; tasks: gets the ids that were answered."""

    async def some(caller: Caller) -> list[float]:
        waits = []
        for _ in range(calls):
            started = time.perf_counter()
            answer = await caller.call("POST", POST, BODY, 202)
            waits.append(time.perf_counter() - started)
            tasks.extend(filter(None, [json.loads(answer).get("task_id")]))
        return waits

    started = time.perf_counter()
    waits = [wait for some_waits in await asyncio.gather(*map(some, callers)) for wait in some_waits]
    return waits, time.perf_counter() - started


async def _pages(bench: Bench, caller: Caller, held: Delivered, found: dict[str, list[float]]) -> None:
    """Page after page, and as many rows by SQL."""
    path, waits = f"/api/tasks/{held.task_id}/numbers/?limit={PAGE}", []
    for _ in range(bench.sizes.samples):
        started = time.perf_counter()
        answer = await caller.call("GET", path)
        waits.append(time.perf_counter() - started)
        after = json.loads(answer)["next"]
        path = path if after is None else "/" + after.split("/", 3)[3]
    _add(found, "page p50", percentile(waits, 50) * 1000)
    _add(found, "page p95", percentile(waits, 95) * 1000)
    floor = await asyncio.to_thread(_rows_by_sql, bench.system.database_url, held.task_id, bench.sizes.samples)
    _add(found, "sql p50", percentile(floor, 50) * 1000)


def _rows_by_sql(url: str, task: str, samples: int) -> list[float]:
    query = "SELECT * FROM phone_numbers WHERE batch_id = %s ORDER BY number_value LIMIT %s"
    waits = []
    with psycopg.connect(url, autocommit=True) as connection:
        batches = connection.execute("SELECT batch_id FROM batches WHERE task_id = %s", (task,)).fetchall()
        for number in range(samples):
            started = time.perf_counter()
            connection.execute(query, (*batches[number % len(batches)], PAGE), prepare=False).fetchall()
            waits.append(time.perf_counter() - started)
    return waits


async def _export(bench: Bench, pid: int, port: int, held: Delivered, found: dict[str, list[float]]) -> None:
    """All of it over HTTP, and by COPY."""
    before = procfs.memory(pid).resident
    size, seconds = await asyncio.to_thread(_read_export, port, held.task_id, _token(bench, USER))
    _add(found, "export", size / MEGABYTE / seconds)
    _add(found, "export seconds", seconds)
    _add(found, "export memory", procfs.memory(pid).peak - before)
    size, seconds = await asyncio.to_thread(_copied, bench.system.database_url, held.task_id)
    _add(found, "copy", size / MEGABYTE / seconds)


def _read_export(port: int, task: str, token: str) -> tuple[int, float]:
    """Bytes and seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    started, size = time.perf_counter(), 0
    connection.request(
        "GET", f"/api/numbers/export?format=csv&task_id={task}", headers={"Authorization": f"Bearer {token}"}
    )
    answer = connection.getresponse()
    while part := answer.read(1 << 18):
        size += len(part)
    connection.close()
    return size, time.perf_counter() - started


def _copied(url: str, task: str) -> tuple[int, float]:
    query = f"COPY (SELECT {', '.join(EXPORTED)} FROM phone_numbers WHERE task_id = %s) TO STDOUT (FORMAT csv)"
    started, size = time.perf_counter(), 0
    with psycopg.connect(url) as connection, connection.cursor().copy(query, (task,)) as copy:
        for part in copy:
            size += len(part)
    return size, time.perf_counter() - started


async def _statistics(caller: Caller, calls: int, pause: float, found: dict[str, list[float]], when: str) -> None:
    for _ in range(calls):
        _add(found, f"statistics {when}", await caller.seconds("GET", "/api/statistics/") * 1000)
        await asyncio.sleep(pause)


def _add(found: dict[str, list[float]], name: str, value: float) -> None:
    found.setdefault(name, []).append(value)


def _figures(found: dict[str, list[float]], sizes: Sizes, repeat: int) -> tuple[Figure, ...]:
    def figure(name: str, unit: str, kind: str, samples: int = 1) -> Figure:
        return Figure(name, unit, tuple(found[kind]), samples)

    def ratio(name: str, over: str, under: str) -> Figure:
        return Figure(name, "x", quotients(found[over], found[under]))

    def of_all(name: str, kind: str, percent: float, goal: float | None = None) -> Figure:
        return Figure(name, "ms", (percentile(found[kind], percent),), len(found[kind]), goal)

    posts = sizes.samples * 10 // CONNECTIONS * CONNECTIONS
    return (
        of_all("statistics of a held million, p95", "statistics idle", 95, goals.STATISTICS_MILLISECONDS),
        of_all("statistics of a held million, p50", "statistics idle", 50),
        of_all("statistics of a held million, slowest", "statistics idle", 100),
        of_all("statistics while a million is made, p50", "statistics running", 50),
        of_all("statistics while a million is made, p95", "statistics running", 95),
        of_all("statistics while a million is made, slowest", "statistics running", 100),
        ratio("submissions, bare over gateway", "bare posts", "posts"),
        figure("submissions a second", "/s", "posts", posts),
        figure("submissions a second, bare", "/s", "bare posts", posts),
        figure("submission to 202, p50", "ms", "post p50", posts),
        figure("submission to 202, p99", "ms", "post p99", posts),
        ratio(f"page of {PAGE}, p50 over SQL", "page p50", "sql p50"),
        figure(f"page of {PAGE}, p50", "ms", "page p50", sizes.samples),
        figure(f"page of {PAGE}, p95", "ms", "page p95", sizes.samples),
        ratio("export, COPY's rate over the gateway's", "copy", "export"),
        figure("export", "MB/s", "export"),
        figure("COPY to the client", "MB/s", "copy"),
        figure("export, all of it", "s", "export seconds"),
        figure("gateway's memory during the export", "MB", "export memory"),
    )


def _title(sizes: Sizes) -> str:
    return f"the HTTP API, with {sizes.million:,} numbers held"


PART = Part("http", _title, lambda sizes, repeat: 1 + repeat, measure)

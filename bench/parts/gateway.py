"""gateway: connections, deliveries and storms at one gateway, beside a bare `websockets` server that broadcasts."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

from aiokafka import AIOKafkaProducer

from bench import goals, procfs
from bench.errors import BenchError
from bench.floors.broadcast import bare_server
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import Sizes
from bench.sockets import Arrivals, Clients, RawClient, flood
from bench.stats import percentile, quotients
from bench.system import Gateway, gateway_process
from numberline.setup.topics import create_topics
from pipeline.settings import variable
from pipeline.tokens import TokenRules, sign
from schemas import codec, topics
from schemas.events import TaskProgress
from schemas.identity import task_id

USER, FLOODER = "bench-gateway", "bench-flooder"
NAMESPACE = "numberline-bench-gateway"
KIBIBYTE, GIBIBYTE = 1024, 2**30
HALF_LOAD_SECONDS = 3.0
PACE_SECONDS = 0.01
SETTLE_SECONDS = 1.0  # a connection holds for a first message at first
WIDE = ("max_connections", "max_connections_of_user", "max_connections_of_address")
LIMITS: Mapping[str, str] = {}
NO_LIMITS = {
    variable(f"messages_per_minute{of}"): most
    for of, most in (("", "1000000"), ("_of_user", "10000000"), ("_of_address", "10000000"))
}
PAYLOAD = b"x" * 450
ASK = b'{"type":"get_active_tasks"}'  # a frame of a client that floods: each is parsed, and would be answered

METHOD = (
    "A gateway of its own on a progress topic of its own, and a bare server of the same library (`bench/floors/`) "
    "that sends every message that it gets to all connections; each in a process of its own, new for every "
    "repetition, without compression where nothing else is said. The clients are in the suite's process: they "
    "count frames and parse nothing. A rate is what server and clients together reach.",
    "A message is a task_progress of about 450 bytes. Gateway: it is produced to Kafka, and all connections are "
    "its user's. Bare: it is sent on one connection more. A delivery is one message at one client.",
    "Half load: messages at half the rate that the gateway reached, each timed from before it is produced until it "
    "is at a client; over all deliveries. Bare: at the same rate.",
    "Memory: growth of VmRSS over the connections that were opened; handshakes, authentication and first message "
    "done. Storm: connections opened evenly over one second, each timed from connect to its first message.",
    "Slow readers: connections that take nothing, while messages come until some wait for each of them; growth of "
    "VmRSS over them, and then the p99 of a reading client of the same user, over its p99 without them.",
    "Flood: one client of another user that sends frames as fast as they are taken, each a question, and connects "
    "again whenever it is closed for it; the p99 of a reading client over its p99 alone. Once with the limits as "
    "they are without a setting, and once without any.",
)


class Topic:
    """Progress of one task, written as coordinate does."""

    def __init__(self, producer: AIOKafkaProducer, name: str) -> None:
        self._producer, self._name = producer, name
        self._sequence = 0
        self._task = task_id(USER, str(time.time_ns()))

    async def send(self) -> None:
        """One more message, acknowledged."""
        self._sequence += 1
        now = time.time_ns() // 1_000_000
        event = TaskProgress(
            task_id=self._task,
            user_id=USER,
            sequence=self._sequence,
            event="progress",
            request_id="bench",
            project_id=None,
            task_name="gateway",
            type="generate",
            status="running",
            quantity=1_000_000,
            processed_items=self._sequence,
            succeeded=self._sequence,
            failed_items=0,
            batches_done=self._sequence,
            batches_total=1_000_000,
            current_step="generating",
            created_at=now,
            started_at=now,
            updated_at=now,
            completed_at=None,
            estimated_completion=now,
            result=None,
            error=None,
        )
        await self._producer.send_and_wait(self._name, codec.encode(event), USER.encode(), 0)


class Bare:
    """The bare server's control: a connection that sends what all are to get."""

    def __init__(self, client: RawClient) -> None:
        self._client = client

    async def send(self) -> None:
        """One more message."""
        self._client.send_text(PAYLOAD)
        await asyncio.sleep(0)


Values = dict[str, float]


async def measure(bench: Bench) -> Measured:
    """Each repetition with new processes: memory does not go back."""
    if not procfs.available():
        raise BenchError("the part gateway reads /proc, which this system does not have: leave it out by --part")
    settings = bench.system.settings
    await create_topics(settings.kafka_bootstrap_servers, NAMESPACE, 1, 1)
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, acks="all")
    await producer.start()
    found: dict[str, list[float]] = {}
    try:
        for _ in range(bench.repeat):
            for name, value in (await _repetition(bench, producer)).items():
                found.setdefault(name, []).append(value)
    finally:
        await producer.stop()
    return Measured(_figures(found, bench.sizes), METHOD)


async def _repetition(bench: Bench, producer: AIOKafkaProducer) -> Values:
    values: Values = {}
    count = bench.sizes.connections

    def topic() -> Topic:
        return Topic(producer, topics.topic_name(NAMESPACE, topics.PROGRESS))

    with _gateway(bench) as (gateway, clients):
        await _connections(gateway.pid, clients, count, values, "gateway")
        rate = await _deliveries(clients, topic(), bench.sizes.messages, values, "gateway")
        await _half_load(clients, topic(), rate, values, "gateway")
        await clients.close()
        bench.advance()
    with bare_server() as (pid, port):
        bare = Clients(port, "/", None, greets=False)
        await _connections(pid, bare, count, values, "bare")
        control = Clients(port, "/", None, greets=False)
        sender = Bare(await control.one())
        await _deliveries(bare, sender, bench.sizes.messages, values, "bare")
        await _half_load(bare, sender, rate, values, "bare")
        await bare.close()
        await control.close()
        bench.advance()
    with _gateway(bench) as (gateway, clients):
        await _slow_readers(gateway.pid, clients, topic(), bench.sizes, values)
        await clients.close()
        bench.advance()
    for kind, limits in (("limited", LIMITS), ("unlimited", NO_LIMITS)):
        with _gateway(bench, limits=limits) as (gateway, clients):
            flooding = _clients(bench, gateway.port, FLOODER)
            await _flooded(clients, flooding, topic(), bench.sizes, values, kind)
            await clients.close()
        bench.advance()
    with _gateway(bench, deflate=True) as (gateway, clients):
        await _connections(gateway.pid, clients, count, values, "deflate")
        await _deliveries(clients, topic(), bench.sizes.messages, values, "deflate")
        await clients.close()
        bench.advance()
    return values


@contextlib.contextmanager
def _gateway(
    bench: Bench, deflate: bool = False, limits: Mapping[str, str] = LIMITS
) -> Iterator[tuple[Gateway, Clients]]:
    environment = {
        **limits,
        variable("namespace"): NAMESPACE,
        variable("websocket_compression"): str(int(deflate)),
        **{variable(name): "100000" for name in WIDE},
    }
    with gateway_process(bench.system, environment) as gateway:
        yield gateway, _clients(bench, gateway.port, USER, deflate)


def _clients(bench: Bench, port: int, user: str, deflate: bool = False) -> Clients:
    token = sign(TokenRules.of(bench.system.settings), user, time.time(), 24 * 3600)
    return Clients(port, f"/ws/tasks/{user}/", token, greets=True, deflate=deflate)


async def _connections(pid: int, clients: Clients, count: int, values: Values, kind: str) -> None:
    """Open all within a second: memory, and how long each took."""
    before = procfs.memory(pid).resident
    waits = await clients.open(count, within_seconds=1.0)
    await asyncio.sleep(SETTLE_SECONDS)
    values[f"{kind} KiB"] = (procfs.memory(pid).resident - before) * procfs.MEGABYTE / KIBIBYTE / count
    values[f"{kind} storm"] = percentile(waits, 99) * 1000


async def _deliveries(clients: Clients, sender: Topic | Bare, messages: int, values: Values, kind: str) -> float:
    """Messages as fast as they go; deliveries a second."""
    arrivals = clients.count_anew()
    started = time.perf_counter()
    await asyncio.gather(*(sender.send() for _ in range(messages)))
    await arrivals.until_silent()
    values[f"{kind} whole"] = arrivals.count / (messages * len(clients.all))
    values[f"{kind} rate"] = rate = arrivals.count / (arrivals.last - started)
    return rate


async def _half_load(clients: Clients, sender: Topic | Bare, rate: float, values: Values, kind: str) -> None:
    """Messages at half the rate; the 99th percentile of all deliveries."""
    arrivals = clients.count_anew()
    pause = 2 * len(clients.all) / rate
    due = time.perf_counter()
    for _ in range(max(10, int(HALF_LOAD_SECONDS / pause))):
        arrivals.sent.append(time.perf_counter())
        await sender.send()
        due += pause
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    await arrivals.until_silent()
    values[f"{kind} p50"] = percentile(arrivals.waits, 50) * 1000
    values[f"{kind} p99"] = percentile(arrivals.waits, 99) * 1000


async def _slow_readers(pid: int, clients: Clients, topic: Topic, sizes: Sizes, values: Values) -> None:
    """One client that reads, alone and beside many that do not."""
    await clients.one()
    await asyncio.sleep(SETTLE_SECONDS)
    arrivals = clients.count_anew()
    await _paced(arrivals, topic, sizes.slow_messages // 4)
    values["alone p99"] = percentile(arrivals.waits, 99) * 1000
    for _ in range(sizes.connections):
        await clients.one(reading=False)
    await asyncio.sleep(SETTLE_SECONDS)
    before = procfs.memory(pid).resident
    arrivals = clients.count_anew()
    await asyncio.gather(*(topic.send() for _ in range(sizes.slow_messages)))
    await arrivals.until_silent()  # by now all that they take has been given to them
    arrivals = clients.count_anew()
    await _paced(arrivals, topic, sizes.slow_messages // 4)
    values["beside p99"] = percentile(arrivals.waits, 99) * 1000
    values["slow KiB"] = (procfs.memory(pid).resident - before) * procfs.MEGABYTE / KIBIBYTE / sizes.connections


async def _flooded(
    clients: Clients, flooding: Clients, topic: Topic, sizes: Sizes, values: Values, kind: str
) -> None:
    """One client that reads, alone and beside one that floods."""
    await clients.one()
    await asyncio.sleep(SETTLE_SECONDS)
    arrivals = clients.count_anew()
    await _paced(arrivals, topic, sizes.slow_messages // 4)
    values[f"{kind} alone p99"] = percentile(arrivals.waits, 99) * 1000
    running = asyncio.create_task(flood(flooding, ASK))
    await asyncio.sleep(SETTLE_SECONDS)
    arrivals = clients.count_anew()
    await _paced(arrivals, topic, sizes.slow_messages // 4)
    values[f"{kind} flooded p99"] = percentile(arrivals.waits, 99) * 1000
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await flooding.close()


async def _paced(arrivals: Arrivals, topic: Topic, messages: int) -> None:
    for _ in range(messages):
        arrivals.sent.append(time.perf_counter())
        await topic.send()
        await asyncio.sleep(PACE_SECONDS)
    await arrivals.until_silent()


def _figures(found: dict[str, list[float]], sizes: Sizes) -> tuple[Figure, ...]:
    def of(name: str) -> tuple[float, ...]:
        return tuple(found[name])

    def figure(name: str, unit: str, values: Sequence[float], goal: float | None = None) -> Figure:
        return Figure(name, unit, tuple(values), sizes.connections, goal)

    return (
        figure(
            "deliveries, bare over gateway",
            "x",
            quotients(of("bare rate"), of("gateway rate")),
            goals.BARE_DELIVERIES_OVER_GATEWAY,
        ),
        figure(
            "memory a connection, gateway over bare",
            "x",
            quotients(of("gateway KiB"), of("bare KiB")),
            goals.GATEWAY_MEMORY_OVER_BARE,
        ),
        figure("deliveries a second, gateway", "/s", of("gateway rate")),
        figure("deliveries a second, bare", "/s", of("bare rate")),
        figure("deliveries a second, gateway with compression", "/s", of("deflate rate")),
        figure("deliveries of all that were due, gateway", "x", of("gateway whole")),
        figure("memory a connection, gateway", "KiB", of("gateway KiB")),
        figure("memory a connection, bare", "KiB", of("bare KiB")),
        figure("memory a connection, gateway with compression", "KiB", of("deflate KiB")),
        figure("connections a GiB, gateway", "", [GIBIBYTE / KIBIBYTE / each for each in of("gateway KiB")]),
        figure("delivery at half load, p50, gateway", "ms", of("gateway p50")),
        figure("delivery at half load, p99, gateway", "ms", of("gateway p99")),
        figure("delivery at the same rate, p99, bare", "ms", of("bare p99")),
        figure(f"storm of {sizes.connections:,} in a second, p99, gateway", "ms", of("gateway storm")),
        figure(f"storm of {sizes.connections:,} in a second, p99, bare, no authentication", "ms", of("bare storm")),
        figure(f"{sizes.connections:,} slow readers, memory each", "KiB", of("slow KiB")),
        figure("a reading client's p99 beside them over alone", "x", quotients(of("beside p99"), of("alone p99"))),
        figure("a reading client's p99 beside them", "ms", of("beside p99")),
        figure("p99 beside a flood over alone", "x", quotients(of("limited flooded p99"), of("limited alone p99"))),
        figure("p99 beside a flood", "ms", of("limited flooded p99")),
        figure("p99 beside a flood without limits", "ms", of("unlimited flooded p99")),
    )


def _title(sizes: Sizes) -> str:
    return f"{sizes.connections:,} WebSocket connections to one gateway"


PART = Part("gateway", _title, lambda sizes, repeat: 6 * repeat, measure)

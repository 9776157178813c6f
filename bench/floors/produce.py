"""The floor of a POST: the gateway's HTTP server with one call, which sends the body to Kafka and answers 202.

`python -m bench.floors.produce SERVERS TOPIC` prints its port and serves until its standard input ends.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from aiokafka import AIOKafkaProducer
from uvicorn import Config, Server

Scope = MutableMapping[str, Any]
ANSWER = b'{"accepted":true}'


@contextlib.contextmanager
def bare_producer(servers: str, topic: str) -> Iterator[int]:
    """One in a process of its own: its port."""
    command = [sys.executable, "-m", "bench.floors.produce", servers, topic]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.terminate()


async def main(servers: str, topic: str) -> None:
    """Serve."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()

    async def app(
        scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
    ) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await producer.send_and_wait(topic, body)
        length = (b"content-length", b"%d" % len(ANSWER))
        await send({"type": "http.response.start", "status": 202, "headers": [length]})
        await send({"type": "http.response.body", "body": ANSWER})

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = Server(Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve([listener]))
    print(listener.getsockname()[1], flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving
    await producer.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""The port: paths, health, limits and the end."""

import asyncio
import socket

import pytest
from websockets.exceptions import InvalidStatus

from gateway.server import channel_and_user
from pipeline.errors import RefusedToStart
from tests.gateway.harness import Gateway, connected, http_get, opened, running_gateway


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/ws/tasks/ann/", ("tasks", "ann")),
        ("/ws/phone-generation/a.b_c:d-1/", ("phone-generation", "a.b_c:d-1")),
        ("/ws/tasks/a%3Ab/", ("tasks", "a:b")),
        ("/ws/tasks/ann/?token=x", ("tasks", "ann")),
        ("/ws/tasks/ann", None),
        ("/ws/tasks//", None),
        ("/ws/tasks/a%2Fb/", None),
        ("/ws/other/ann/", None),
        (f"/ws/tasks/{'a' * 65}/", None),
        ("/", None),
    ],
)
def test_a_path_names_a_channel_and_a_user(path: str, found: tuple[str, str] | None) -> None:
    assert channel_and_user(path) == found


async def test_an_unknown_path_is_404_for_http_and_for_websockets(gateway: Gateway) -> None:
    text = "not found; WebSocket paths are /ws/tasks/USER/ and /ws/phone-generation/USER/\n"
    assert await http_get(gateway.port, "/ws/none/ann/") == (404, text)
    with pytest.raises(InvalidStatus) as refused:
        async with opened(gateway.port, "/nowhere"):
            pass
    assert refused.value.response.status_code == 404


async def test_a_websocket_path_without_an_upgrade_is_426(gateway: Gateway) -> None:
    status, _ = await http_get(gateway.port, "/ws/tasks/ann/")
    assert status == 426


async def test_health_is_always_ok_and_readiness_gives_the_reason(gateway: Gateway) -> None:
    assert await http_get(gateway.port, "/healthz") == (200, "alive\n")
    assert await http_get(gateway.port, "/readyz") == (200, "ready\n")
    gateway.not_ready = "still reading the topic x.progress"
    assert await http_get(gateway.port, "/healthz") == (200, "alive\n")
    assert await http_get(gateway.port, "/readyz") == (503, "still reading the topic x.progress\n")


async def test_a_message_too_big_is_closed_with_1009(gateway: Gateway) -> None:
    async with connected(gateway.port) as client:
        await client.send(type="ping", filler="x" * (1 << 16))
        code, _ = await client.closed()
    assert code == 1009


async def test_the_end_of_the_server_closes_every_client_with_1001_within_2_seconds() -> None:
    async with running_gateway() as gateway:
        late = await asyncio.open_connection("127.0.0.1", gateway.port)  # never sends its handshake
        first, second = connected(gateway.port), opened(gateway.port)
        clients = [await first.__aenter__(), await second.__aenter__()]
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 4  # promised: 2 s
    assert [(await client.closed())[0] for client in clients] == [1001, 1001]
    for context in (first, second):
        await context.__aexit__(None, None, None)
    late[1].close()


async def test_a_taken_port_names_the_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RefusedToStart) as refused:
            async with running_gateway(gateway_port=port):
                pass
    assert str(refused.value) == (
        f"port {port} on 127.0.0.1 is taken\nset NUMBERLINE_GATEWAY_PORT to another, or to 0"
    )


async def test_an_address_that_is_not_ours_names_the_variables() -> None:
    with pytest.raises(RefusedToStart, match="set NUMBERLINE_HOST or NUMBERLINE_GATEWAY_PORT"):
        async with running_gateway(host="192.0.2.1"):
            pass

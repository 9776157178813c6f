"""The proxy does what its faults say that it does."""

import contextlib
import gc
import socket
import threading
import warnings
from collections.abc import Iterator

import pytest

from chaos.proxy import Proxy
from embedded.ports import LOOPBACK, free_port


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of a server that says everything back."""
    with socket.create_server((LOOPBACK, free_port())) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    threading.Thread(target=echo, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        with Proxy(free_port(), server.getsockname()[1]) as made:
            yield made
        server.shutdown(socket.SHUT_RDWR)


def echo(connection: socket.socket) -> None:
    """Until the client says no more; then a farewell."""
    with contextlib.suppress(OSError), connection:
        while data := connection.recv(100):
            connection.sendall(data)
        connection.sendall(b"bye")


def connected(proxy: Proxy) -> socket.socket:
    """A client that has had one answer."""
    client = socket.create_connection((LOOPBACK, proxy.port), timeout=30)
    client.sendall(b"one")
    assert client.recv(3) == b"one"
    return client


def test_a_cut_connection_is_reset_and_the_next_is_let_in(proxy: Proxy) -> None:
    """Neither side says goodbye."""
    with connected(proxy) as client:
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with connected(proxy):
        pass


def test_nobody_is_let_in_until_it_accepts_again(proxy: Proxy) -> None:
    """A refusal, as of a port where nothing listens."""
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, proxy.port), timeout=30)
    proxy.accept()
    with connected(proxy):
        pass


def test_whoever_comes_as_it_refuses_is_let_in_or_reset_and_not_forgotten(proxy: Proxy) -> None:
    """No socket of a client is left to the garbage collector, at whichever moment the refusal meets it."""
    enough = threading.Event()

    def come_again_and_again() -> None:
        while not enough.is_set():
            with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, proxy.port), 30) as client:
                client.sendall(b"one")  # or else Linux may leave it waiting for a listener that has gone
                client.recv(1)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        clients = [threading.Thread(target=come_again_and_again) for _ in range(4)]
        for client in clients:
            client.start()
        for _ in range(300):
            proxy.refuse()
            proxy.accept()
        proxy.refuse()
        enough.set()
        for client in clients:
            client.join()
        gc.collect()
    assert {str(one.message) for one in warned} == set()


def test_half_closed_the_server_hears_an_end_and_the_client_still_reads(proxy: Proxy) -> None:
    """The client has closed nothing."""
    with connected(proxy) as client:
        proxy.half_close()
        assert client.recv(3) == b"bye"


def test_a_delayed_answer_comes_whole(proxy: Proxy) -> None:
    """Later, but in order."""
    proxy.delay(0.01)
    with connected(proxy) as client:
        client.sendall(b"two")
        assert client.recv(3) == b"two"

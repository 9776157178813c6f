"""Ports that are chosen long before a server listens at them."""

import socket

import pytest

from embedded import ports
from embedded.errors import PortTakenError
from embedded.ports import LOOPBACK, free_port


def test_no_port_is_given_twice_before_all_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_untried", [])
    given = [free_port() for _ in range(5_000)]
    assert len(set(given)) == len(given)
    assert min(given) >= 20_000
    assert max(given) < 32_000  # where outgoing connections begin


def test_when_all_were_given_they_are_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_untried", [])
    monkeypatch.setattr(ports, "_CANDIDATES", range(20_000, 20_100))
    assert set(range(20_000, 20_100)) >= {free_port() for _ in range(300)}


def test_where_all_are_taken_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(ports, "_untried", [taken] * 50)
        with pytest.raises(PortTakenError, match=str(taken)):
            free_port()

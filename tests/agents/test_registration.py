"""What runs beside the steps, and how a worker ends when it fails."""

import pytest

from agents.registration import run_beside
from tests.agents.sending import App


@pytest.mark.parametrize(
    ("stopping", "ends"), [(False, ["usage: closed"]), (True, [])], ids=["at work", "stopping"]
)
async def test_what_runs_beside_ends_the_worker_unless_it_stops(
    monkeypatch: pytest.MonkeyPatch, stopping: bool, ends: list[str]
) -> None:
    """A worker that was told to stop closes its producers, and leaves with 0 all the same."""
    ended: list[str] = []
    app = App()
    monkeypatch.setattr("agents.registration.end_soon", lambda name, error: ended.append(f"{name}: {error}"))

    async def body() -> None:
        app.should_stop = stopping
        raise OSError("closed")

    run_beside(app, "usage", body)
    await app.beside[0]()

    assert ended == ends
    assert [f"usage: {error}" for error in app.crashed] == ends

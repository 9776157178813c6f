"""What an application begins before it joins its group."""

import asyncio

from agents.registration import run_beside
from tests.agents.faust_workarounds.fakes import FakeConsumer, fake_app


async def test_what_is_to_run_from_the_start_on_is_begun_before_the_group_is_joined() -> None:
    """Faust begins a task when all tables are recovered, which is when the first record waits for it already."""
    app, begun = fake_app(), list[str]()
    app.consumer = FakeConsumer(app, set())

    async def body(name: str) -> None:
        begun.append(name)

    run_beside(app, "producers", lambda: body("producers"), at_start=True)
    run_beside(app, "usage", lambda: body("usage"))
    await app.on_start()
    await asyncio.sleep(0)
    assert begun == ["producers"]
    await app.on_started_init_extra_tasks()
    await asyncio.sleep(0)
    assert begun == ["producers", "usage"]

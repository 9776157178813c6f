"""The order of seeking and resuming when recovery is done (F3, second half)."""

from faust.tables.recovery import Recovery
from faust.types import TP

from agents.faust_workarounds.commits import f1_commit_only_what_is_acked
from agents.faust_workarounds.recovery import f3_seek_before_resuming
from tests.agents.faust_workarounds.fakes import CHANGELOG, EVENTS, FakeConsumer, fake_app
from tests.agents.faust_workarounds.originals import faust_with


async def _active_during_the_seek() -> tuple[set[TP], set[TP]]:
    """Active partitions while recovery seeks to the committed offsets, and when it is done."""
    app = fake_app()
    during: list[set[TP]] = []
    consumer = FakeConsumer(app, {EVENTS, CHANGELOG})
    consumer.on_seek = lambda: during.append(set(consumer._get_active_partitions()))
    consumer.pause_partitions({EVENTS, CHANGELOG})
    app.consumer = consumer
    app.tables._changelogs[CHANGELOG.topic] = None
    app._fetcher.maybe_start = consumer._nothing
    recovery = Recovery(app, app.tables)
    app.consumer_generation_id = 1
    await recovery.on_recovery_completed(1)
    assert recovery.completed.is_set()
    return during[0], set(consumer._get_active_partitions())


async def test_f3_fausts_own_code_resumes_before_it_seeks() -> None:
    """What is fetched in between is at the wrong position, and marks later records as read."""
    with faust_with():
        during, after = await _active_during_the_seek()
    assert EVENTS in during
    assert after == {EVENTS}


async def test_f3_nothing_is_active_before_the_seek() -> None:
    """Afterwards the streams are, and the changelogs are not."""
    with faust_with(f1_commit_only_what_is_acked, f3_seek_before_resuming):
        during, after = await _active_during_the_seek()
    assert during == set()
    assert after == {EVENTS}

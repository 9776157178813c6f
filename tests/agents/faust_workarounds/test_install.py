"""All workarounds together."""

import pytest

from agents import faust_workarounds
from tests.agents.faust_workarounds.originals import ORIGINALS, PATCHED, faust_with


def test_what_is_compared_with_is_fausts_own_code() -> None:
    """Nothing here was patched when the originals were taken."""
    assert {getattr(original, "__module__", "") for *_, original in ORIGINALS} == {
        "faust.transport.consumer",
        "mode.services",
        "faust.transport.drivers.aiokafka",
        "faust.tables.manager",
        "faust.tables.recovery",
        "mode.worker",
        "mode.threads",
        "aiokafka.consumer.group_coordinator",
        "aiokafka.consumer.subscription_state",
        "aiokafka.consumer.fetcher",
        "aiokafka.record._crecords.memory_records",
    }


def test_install_applies_every_patch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it none of the originals is left; a second call wraps nothing twice."""
    with faust_with():
        monkeypatch.delattr(faust_workarounds.install, "done", raising=False)
        faust_workarounds.install()
        once = [getattr(owner, name) for owner, name in PATCHED]
        faust_workarounds.install()

        assert [getattr(owner, name) for owner, name in PATCHED] == once
        assert all(now is not original for now, (*_, original) in zip(once, ORIGINALS, strict=True))

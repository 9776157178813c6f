"""The producer of Faust, and ours."""

from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver

from agents.faust_workarounds.producer import producer_is_idempotent
from tests.agents.faust_workarounds.originals import faust_with


async def _producer_settings() -> tuple[Any, bool]:
    """Acks and idempotence of the producer that Faust makes."""
    app = faust.App("app", broker="kafka://127.0.0.1:1", producer_linger=0)
    inner = driver.Producer(driver.Transport([faust_url()], app))._new_producer()
    try:
        return inner._sender._acks, inner._txn_manager is not None
    finally:
        await inner.stop()


def faust_url() -> Any:
    """A broker's URL as Faust has it."""
    return faust.App("url", broker="kafka://127.0.0.1:1").conf.broker[0]


async def test_fausts_own_producer_is_not_idempotent() -> None:
    """Its retries may duplicate and reorder."""
    with faust_with():
        assert await _producer_settings() == (-1, False)


async def test_our_producer_is_idempotent_and_waits_for_all_replicas() -> None:
    """acks=all with a producer id."""
    with faust_with(producer_is_idempotent):
        assert await _producer_settings() == (-1, True)

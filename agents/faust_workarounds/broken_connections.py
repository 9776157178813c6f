"""F15: a connection that is cut while a request is written stops a consumer for good.

On uvloop, which the worker runs on, writing to a transport that is closed already raises RuntimeError. aiokafka
takes OSError alone for a lost connection: the task that fetches ends, the consumer stays in its group, and its
partitions have a reader who never reads again.
"""

import logging
import os
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError

log = logging.getLogger(__name__)


def f15_take_closed_for_broken() -> None:
    """A request on a closed transport fails as any other on a lost connection, and is tried again."""
    send = AIOKafkaConnection.send

    def send_(self: Any, request: Any, expect_response: bool = True) -> Any:
        try:
            return send(self, request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    AIOKafkaConnection.send = send_


def f15_end_with_the_fetcher() -> None:
    """Whatever else ends the task that fetches ends the process: nobody would notice."""
    fetch = Fetcher._fetch_requests_routine

    async def _fetch_requests_routine(self: Any) -> None:
        try:
            await fetch(self)
        except Exception:
            log.critical("a consumer reads no more: the worker ends and is to be restarted", exc_info=True)
            logging.shutdown()
            os._exit(1)

    Fetcher._fetch_requests_routine = _fetch_requests_routine

"""The identity provider's public keys: read in a thread, which holds nobody up, and kept while it is away."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import jwt

from pipeline.keys import KeySet, KeysUnreadable, read_key_set

log = logging.getLogger(__name__)

REFRESH_SECONDS = 300.0
RETRY_SECONDS = 5.0
COOL_DOWN_SECONDS = 30.0  # between two readings because of unknown keys: a client could name one a token
ANSWER_SECONDS = 10.0


class KeySource:
    """Keeps the keys. waiting_for: why no token can be verified by them yet; None once they have been read."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=ANSWER_SECONDS)
        self._monotonic = monotonic
        self._reading: asyncio.Task[bool] | None = None
        self._asked_at = -COOL_DOWN_SECONDS
        self.keys = KeySet()
        self.waiting_for: str | None = "the identity provider's keys have not been read yet"

    async def run(self) -> None:
        """Read them again and again, for ever."""
        while True:
            await self._read_once()
            await asyncio.sleep(RETRY_SECONDS if self.waiting_for else REFRESH_SECONDS)

    async def read_for_unknown_key(self) -> bool:
        """Read them now for a token whose key is unknown; whether they were read.

        Whoever asks meanwhile waits for the same reading; after one, nobody causes another for a while.
        """
        if self._reading is None:
            if self._monotonic() < self._asked_at + COOL_DOWN_SECONDS:
                return False
            self._asked_at = self._monotonic()
        return await self._read_once()

    async def _read_once(self) -> bool:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(self._done)
        return await asyncio.shield(self._reading)

    def _done(self, reading: asyncio.Task[bool]) -> None:
        self._reading = None

    async def _read(self) -> bool:
        url = self._client.uri
        try:
            document: dict[str, Any] = await asyncio.to_thread(self._client.fetch_data)
            self.keys = read_key_set(document)
        except (jwt.PyJWTError, KeysUnreadable, ValueError, OSError) as error:
            log.warning("the identity provider's keys cannot be read from %s: %s", url, error)
            if self.waiting_for is not None:
                self.waiting_for = f"the identity provider's keys cannot be read from {url}"
            return False
        if self.waiting_for is not None:
            log.info("read %d keys of the identity provider from %s", len(self.keys.keys), url)
        self.waiting_for = None
        return True

"""Listens on a user's WebSocket as a client does: connects again when it is cut off, and asks what is active."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from chaos.history import Heard
from numberline.client import gateway_url, signing_rules
from pipeline.settings import Settings
from pipeline.tokens import sign

AGAIN_SECONDS = 0.2
TOKEN_SECONDS = 24 * 3600


class Listener:
    """One user's. tell: of what is heard, in order, over all connections."""

    def __init__(self, settings: Settings, user_id: str, tell: Callable[[Heard], None]) -> None:
        self._settings, self._user_id, self._tell = settings, user_id, tell

    async def run(self) -> None:
        """Until cancelled."""
        token = sign(signing_rules(self._settings), self._user_id, time.time(), lifetime_seconds=TOKEN_SECONDS)
        headers = {"Authorization": f"Bearer {token}"}
        while True:
            with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
                url = gateway_url(self._settings, self._user_id)
                async with connect(url, additional_headers=headers, proxy=None) as socket:
                    await socket.send(json.dumps({"type": "get_active_tasks"}))
                    async for text in socket:
                        self.take(json.loads(text))
            await asyncio.sleep(AGAIN_SECONDS)

    def take(self, message: dict[str, Any]) -> None:
        """One message; those that are about no task say nothing of progress."""
        if message["type"] == "active_tasks":
            for task in message["tasks"]:
                self._tell(Heard(task["task_id"], "active_tasks", task["processed_items"]))
        elif message["type"].startswith("task_"):
            self._tell(Heard(message["task_id"], message["type"], message.get("processed_items")))

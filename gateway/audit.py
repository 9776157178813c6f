"""What an operator reads of another user leaves an audit record before it is shown."""

import json
import time
import uuid
from collections.abc import Awaitable, Callable

from schemas.events import Audited

Record = Callable[[Audited], Awaitable[None]]  # returns when the broker has it; raises Unavailable


class Audit:
    """Leaves records."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def reads(self, operator: str, user_id: str, what: str) -> None:
        """Return when it is on record that an operator reads of a user.  Raises Unavailable.

        what: the path of the call.
        """
        event = Audited(
            record_id=str(uuid.uuid4()),
            at=int(time.time() * 1000),
            actor=f"operator:{operator}",
            action="read",
            subject=user_id,
            outcome="done",
            details=json.dumps({"what": what}),
        )
        await self._record(event)

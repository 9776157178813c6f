"""A client of the HTTP API and the WebSocket gateway: `Client` for plain programs, `AsyncClient` for asyncio.

    with Client("http://127.0.0.1:6160", token) as client:
        task = client.generate(1000, area_codes=["415"])
        for state in client.watch(task.task_id):
            print(state.progress)
        client.export("numbers.csv", task_id=task.task_id)

Calls that fail on the way are repeated, which changes nothing: a generation has a key. A connection that is cut is
opened again and goes on where it was.
"""

from numberline.api.aio import AsyncClient
from numberline.api.calls import ApiError
from numberline.api.plain import Client
from numberline.api.types import Number, Submitted, Task

__all__ = ["ApiError", "AsyncClient", "Client", "Number", "Submitted", "Task"]

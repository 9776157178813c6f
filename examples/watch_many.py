"""Ask for numbers of three area codes at once, and wait for all of them."""

import asyncio
import os

from numberline.api import AsyncClient

URL = f"http://127.0.0.1:{os.environ['NUMBERLINE_HTTP_PORT']}"


async def main() -> None:
    async with AsyncClient(URL, os.environ["TOKEN"]) as client:
        submitted = [await client.generate(200, area_codes=[code]) for code in ("212", "415", "312")]
        tasks = await asyncio.gather(*(client.wait(one.task_id) for one in submitted))
        for task in tasks:
            print(task.status, task.result_data)


asyncio.run(main())

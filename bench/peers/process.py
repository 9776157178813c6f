"""A peer's program, run in the environment apart: asked for numbers, one request at a time."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.apart import ROOT, interpreter
from bench.errors import BenchError

ANSWER_SECONDS = 1800.0
END_SECONDS = 30.0
TAIL_CHARACTERS = 2000


class Program:
    """One that runs."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self._name, self._process, self._log = name, process, log

    async def generate(self, quantity: int, area_codes: Sequence[str]) -> int:
        """The numbers that it says it has delivered.  Raises BenchError where it ends or hangs."""
        assert self._process.stdin is not None
        request = {"quantity": quantity, "area_codes": list(area_codes)}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()
        return int((await self.answer())["reported"])

    async def answer(self) -> dict[str, Any]:
        """The next line that it says.  Raises BenchError."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_SECONDS)
        except TimeoutError:
            raise BenchError(f"{self._name} did not answer within {ANSWER_SECONDS:g} s") from None
        if not line:
            raise BenchError(f"{self._name} ended:\n{self._log.read_text(errors='replace')[-TAIL_CHARACTERS:]}")
        return dict(json.loads(line))


@asynccontextmanager
async def program(module: str, database_url: str, kafka: str, state: Path) -> AsyncIterator[Program]:
    """`python -m bench.peers.MODULE`, ready. It ends with its standard input, so with this process at the latest.

    state: an empty directory, for what it keeps and for its log. Raises BenchError.
    """
    log = state / "log"
    environment = {
        "PEER_DATABASE_URL": database_url,
        "PEER_KAFKA": kafka,
        "PEER_STATE_DIR": str(state),
        "DJANGO_SETTINGS_MODULE": "bench.peers.django_service.settings",
    }
    python = await asyncio.to_thread(interpreter, "peers")
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(python, "-m", f"bench.peers.{module}"),
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        running = Program(module, process, log)
        await running.answer()
        yield running
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), END_SECONDS)
        if process.returncode is None:
            process.kill()
            await process.wait()

"""POST of a list as a file: the same records with their verdicts come back, in constant memory.

The result is kept in a file until the list has come whole: a client that sends before it reads would wait for ever
otherwise, and an error is answered as one.
"""

import asyncio
import json
import tempfile
import time
import zlib
from collections.abc import AsyncIterator
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from gateway.api.auth import User
from gateway.api.description import problems
from gateway.api.exports import Stream
from gateway.api.problems import Problem, broken
from gateway.api.services import Using
from pipeline.errors import ListInvalid
from pipeline.lists.judge import ListJudge
from pipeline.views import rfc3339

router = APIRouter(tags=["numbers"])
BLOCK_BYTES = 1 << 18
PART_SECONDS = 30.0  # for the next part of a body
GZIP = b"\x1f\x8b"
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
LIST = "text with one number a line, CSV or NDJSON, plain or gzip"
BINARY = {"schema": {"type": "string", "format": "binary", "description": LIST}}
BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": BINARY}}}


class UploadQuery(BaseModel):
    """What the list is, where its first lines do not show it."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["csv", "txt", "ndjson"] | None = None
    column: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="title or place of the column with the numbers, or the member of the objects"
    )


@router.post(
    "/api/validate-file/",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "each record as it was, with its verdict; the header Numberline-Verdicts counts them",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        **problems(401, 408, 413, 422, 429, 503),
    },
    openapi_extra=BODY,
    operation_id="validateFile",
)
async def validate_file(
    request: Request, user: User, services: Using, query: Annotated[UploadQuery, Query()]
) -> Response:
    """Judge a list: text with one number a line, CSV or NDJSON, plain or gzip, of any length that is allowed."""
    holders, suppressed = await services.holders.current(), await services.suppressed.of(user)
    judge = ListJudge(holders, suppressed, rfc3339(time.time_ns() // 1_000_000), query.format, query.column)
    result = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        with services.exports.one_more(user):
            await _judged(request, judge, result, services.settings.http_upload_bytes)
    except BaseException:
        result.close()
        raise
    headers = {"Numberline-Verdicts": json.dumps(judge.counts)}
    return Stream(services.exports, user, _parts(result), headers, MEDIA_TYPES[judge.output])


async def _judged(request: Request, judge: ListJudge, result: IO[bytes], most: int) -> None:
    """Read the body to its end.  Raises Problem."""
    unpacked = Unpacked(judge, result, most)
    waiting, received = bytearray(), 0
    parts = request.stream().__aiter__()
    try:
        while True:
            async with asyncio.timeout(PART_SECONDS):
                part = await anext(parts, None)
            if part is None:
                break
            waiting += part
            received += len(part)
            if received > most:
                raise Problem(413, "request_too_large", f"a list may have {most} bytes at most")
            if len(waiting) >= BLOCK_BYTES:
                await asyncio.to_thread(unpacked.feed, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(unpacked.end, bytes(waiting))
    except TimeoutError:
        text = f"no part of the body came within {PART_SECONDS:g} s"
        raise Problem(408, "request_too_slow", text) from None
    except ClientDisconnect:
        raise Problem(400, "unreadable_request", "the client went before its list had come") from None
    except (ListInvalid, zlib.error) as error:
        raise broken("body", str(error)) from None


class Unpacked:
    """Blocks of a body, through gzip where it is packed, into the judge, and what it says into a file."""

    def __init__(self, judge: ListJudge, result: IO[bytes], most: int) -> None:
        self._judge, self._result, self._left = judge, result, most
        self._packed: zlib._Decompress | None = None
        self._begun = False

    def feed(self, block: bytes) -> None:
        """A block of the body.  Raises ListInvalid, zlib.error, Problem."""
        if not self._begun and block:
            self._begun = True
            self._packed = _member() if block.startswith(GZIP) else None
        if self._packed is None:
            return self._write(block)
        while block:
            if self._packed.eof:  # a gzip file is a series of members (RFC 1952, section 2.2); zeros may fill it up
                block = block.lstrip(b"\0")
                if not block:
                    break
                self._packed = _member()
            self._write(self._packed.decompress(block, BLOCK_BYTES))
            block = self._packed.unconsumed_tail or self._packed.unused_data
        return None

    def end(self, block: bytes) -> None:
        """The last block."""
        self.feed(block)
        if self._packed is not None and not self._packed.eof:
            raise ListInvalid("the gzip data ends too early")
        self._result.write(_encoded(self._judge.end()))

    def _write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise Problem(413, "request_too_large", "a list may not have more bytes when it is unpacked either")
        self._result.write(_encoded(self._judge.feed(data)))


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


async def _parts(result: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        result.seek(0)
        while part := await asyncio.to_thread(result.read, BLOCK_BYTES):
            yield part
    finally:
        result.close()

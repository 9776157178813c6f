"""F13: a record with a header whose name is no UTF-8 stops its partition for good.

The broker takes any bytes for a header's name. aiokafka raises UnicodeDecodeError on them at every fetch, and never
comes past that record. Such a fetch is read once more here, and what is no UTF-8 in a name is written as ``\\xff``.
"""

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class KeptRecords(MemoryRecords):
    """What a fetch brought, and its bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class LenientBytes(bytearray):
    """Text in it is read whatever bytes it has."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return LenientBytes(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "") -> str:
        """With a backslash and its hexadecimal digits for each byte that is none of the encoding."""
        return super().decode(encoding, "backslashreplace")


class LenientBatch(_DefaultRecordBatchPy):
    """Reads every header."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = LenientBytes(self._buffer)


class LenientRecords(_MemoryRecordsPy):
    """Batches of records whose headers are all read."""

    def next_batch(self, *_: Any) -> Any:
        """The next batch, to be asked for where there is one."""
        piece = self._next_slice
        super().next_batch()
        return LenientBatch(piece)


def f13_read_every_header() -> None:
    """F13: read a fetch that raises once more, and spell out what is no UTF-8 in a name."""

    def next_record(self: Any) -> Any:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None
            raise
        except UnicodeDecodeError:
            # from the first batch on; what was delivered lies before next_fetch_offset and is left out
            self._records = LenientRecords(self._records.data)
            self._records_iterator = self._unpack_records()
            return next(self._records_iterator)

    fetcher.MemoryRecords = KeptRecords
    fetcher.PartitionRecords.__next__ = next_record

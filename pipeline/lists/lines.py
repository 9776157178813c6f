"""Bytes as they come to whole lines."""

from pipeline.errors import ListInvalid

MAX_LINE_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"


class Lines:
    """Cuts a stream of bytes at its line ends, `\\n` or `\\r\\n`; no line may be longer than MAX_LINE_BYTES.

    Bytes that are not UTF-8 pass through as they are (surrogateescape).
    """

    def __init__(self) -> None:
        self._rest, self._number, self._first = b"", 0, True

    def feed(self, block: bytes) -> list[str]:
        """The lines that end in this block.  Raises ListInvalid."""
        if self._first and block:
            block, self._first = block.removeprefix(BOM), False
        *whole, self._rest = (self._rest + block).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES or (whole and len(whole[0]) > MAX_LINE_BYTES):
            raise ListInvalid(f"a line after line {self._number} has more than {MAX_LINE_BYTES} bytes")
        self._number += len(whole)
        return _texts(b"\n".join(whole)) if whole else []

    def end(self) -> list[str]:
        """The last line, where nothing ends it."""
        rest, self._rest = self._rest, b""
        return _texts(rest) if rest else []


def _texts(lines: bytes) -> list[str]:
    text = lines.decode("utf-8", "surrogateescape")
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return text.split("\n")

"""Text of others as it can be told: in a message, a log, a header."""


def printable(text: str) -> str:
    """With Python's escape for each character that cannot be printed: NUL, line ends, halves of surrogate pairs."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)

"""Lines of at most 100 characters, for screens that are narrow and records that are long."""

from __future__ import annotations

from collections.abc import Iterator

WHOLE = 100
"""Characters of a line."""


def wrapped(text: str, indent: str, *, hang: str | None = None) -> Iterator[str]:
    """Yield a text in lines of at most 100 characters, cut at spaces where there are any."""
    begin, line = indent, indent
    for word in text.split(" "):
        if len(line) + len(word) > WHOLE and line.strip():
            yield line.rstrip()
            begin = indent if hang is None else hang
            line = begin
        line += f"{word} "
        while len(line) > WHOLE + 1:
            yield line[:WHOLE]
            line = begin + line[WHOLE:]
    if line.strip():
        yield line.rstrip()

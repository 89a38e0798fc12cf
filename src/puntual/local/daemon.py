"""Puts this process into the background, and tells whoever called whether it got there."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class Background:
    """A process that has left its terminal; its words go to a file."""

    def __init__(self, report: int) -> None:
        self._report = report

    def ready(self) -> None:
        """Tell the caller that all is well: it ends with exit code 0."""
        os.write(self._report, b"0")
        os.close(self._report)


def to_background(log: Path) -> Background | int:
    """
    Fork twice, leave the terminal, and write to a file from now on (daemon(7)).

    Returns:
        In the background, what tells the caller; in the caller, the exit code: 0 when the
        process in the background is ready, 3 when it ended before.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            return 0 if answer.read(1) == b"0" else 3
    os.close(reading)
    os.setsid()
    if os.fork():
        os._exit(0)
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDONLY)
    words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for mine, theirs in ((0, null), (1, words), (2, words)):
        os.dup2(theirs, mine)
    return Background(writing)

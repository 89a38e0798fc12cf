"""
A day cut into pieces of consecutive records, by their positions alone.

The cuts follow from the number of records in each part: they are the same on every machine,
whatever its cores and memory. A short day is one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from puntual.ports.engine import RawPart

PIECE = 2_000_000
"""
Records of a piece: enough that what is read once for each piece (the other side of a join) is
little beside it, few enough that a large day has one for each core.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """
    A scratch file with some of a part's parsed records.

    Attributes:
        path: The file.
        after: Positions of the part that lie before its own.
        until: The last of its own.
        begin: What its `position` counts from, where that is not `after`.
    """

    path: str
    after: int
    until: int
    begin: int

    @property
    def shift(self) -> int:
        """What is added to its `position` to have the part's."""
        return self.after - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One parsed part on scratch: its files in order, the part they were read from."""

    files: tuple[StagedFile, ...]
    part: RawPart

    @property
    def last(self) -> int:
        """The part's last position."""
        return self.files[-1].until


def in_turn(files: Sequence[StagedFile]) -> tuple[StagedFile, ...]:
    """Give each file of a part its places behind those of the one before."""
    found: list[StagedFile] = []
    for file in files:
        before = found[-1].until if found else 0
        found.append(replace(file, after=before, until=before + file.until - file.after))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive positions of one part: after `after`, up to and with `until`."""

    number: int
    staged: Staged
    after: int
    until: int


def cut(parts: Sequence[Staged], size: int = PIECE) -> list[tuple[Stretch, ...]]:
    """
    Cut a day's parts into pieces, in order; small parts share one, large ones are divided.

    Args:
        parts: In order.
        size: About how many positions a piece has, between half of it and twice.

    Returns:
        At least one piece; every position of every part is in exactly one.
    """
    pieces: list[tuple[Stretch, ...]] = []
    open_piece: list[Stretch] = []
    held = 0
    for number, staged in enumerate(parts):
        # A part is divided evenly, so that its last piece is not a few records.
        shares = max(1, round(staged.last / size))
        bounds = [staged.last * i // shares for i in range(shares + 1)]
        for after, until in pairwise(bounds):
            open_piece.append(Stretch(number=number, staged=staged, after=after, until=until))
            held += until - after
            if held * 4 >= size * 3:
                pieces.append(tuple(open_piece))
                open_piece, held = [], 0
    if open_piece or not pieces:
        pieces.append(tuple(open_piece))
    return pieces

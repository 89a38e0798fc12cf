"""
A stream whose shards are read side by side, a page of each at a time.

Landing reads a page of every shard in turn. A shard gives 2 MB a second at most (`aws.md` K6), so
one after the other they are as slow as one; the pages of the next turn are fetched together, by
whoever can: the executors of a Glue job. What is landed, and in which order, stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from puntual.aws.settings import Settings
from puntual.aws.stream import ANSWER_BYTES, PAGE_BYTES
from puntual.errors import PuntualError
from puntual.ports.stream import StreamPage, StreamReader

AT_ONCE = 32
"""Shards of which a page is fetched together."""

HELD_BYTES = 480 << 20
"""What the pages of one turn may hold; with the answer that each ends with, less than the 1 GiB
that a driver takes (`spark.driver.maxResultSize`)."""

WORTH = 8
"""With so many shards the first page is fetched so too; with fewer, only where one has more than
a page: a day that one call reads is not worth an application's start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """
    A page that is to be fetched.

    Attributes:
        stream: Its name.
        shard: Its name.
        after: Sequence number after which it begins; None: at the oldest record.
        limit: Records of the page.
        size: Bytes of the page, but for the answer that brings it there.
    """

    stream: str
    shard: str
    after: str | None
    limit: int
    size: int


Got = StreamPage | PuntualError
"""A page, or the fault that is raised when it is asked for."""

Fetch = Callable[[Sequence[Want]], Sequence[Got]]
"""Fetches pages side by side and returns them in the order in which they are wanted."""


@dataclass(slots=True)
class _Turn:
    """
    Where a generation of shards stands.

    Attributes:
        after: Shard → where it is read next, of those that are not at their end.
        behind: Shards that are known to have more.
        held: Shard → where its page begins, and the page.
    """

    after: dict[str, str | None]
    behind: set[str] = field(default_factory=set)
    held: dict[str, tuple[str | None, Got]] = field(default_factory=dict)


class FannedStream:
    """A reader in front of another; see the port `StreamReader` for its promises."""

    def __init__(self, inner: StreamReader, fetch: Fetch) -> None:
        """
        Keep what is worked with; nothing is read yet.

        Args:
            inner: Reads a page of one shard, and knows the shards.
            fetch: Reads pages of several, as `inner` would.
        """
        self._inner = inner
        self._fetch = fetch
        self._turns: dict[str, list[_Turn]] = {}

    def generations(self, stream: str, *, after: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
        """
        Return the shards by generation; see the port. A page that is held stays so.

        Raises:
            PermanentError: S1101 no such stream; what the other reader raises besides.
            TransientError: S1102.
        """
        generations = self._inner.generations(stream, after=after)
        held = {s: page for turn in self._turns.get(stream, []) for s, page in turn.held.items()}
        behind = {s for turn in self._turns.get(stream, []) for s in turn.behind}
        self._turns[stream] = [
            _Turn(
                after={shard: after.get(shard) for shard in shards},
                behind=behind & set(shards),
                held={s: held[s] for s in shards if s in held and held[s][0] == after.get(s)},
            )
            for shards in generations
        ]
        return generations

    def read(self, stream: str, shard: str, *, after: str | None, limit: int) -> StreamPage:
        """
        Return at most `limit` records after a sequence number; see the port.

        Raises:
            PermanentError: S1101, S1103, S1109; what the other reader raises besides.
            TransientError: S1102.
        """
        turn = next((t for t in self._turns.get(stream, []) if shard in t.after), None)
        if turn is None:
            return self._inner.read(stream, shard, after=after, limit=limit)
        began, got = turn.held.pop(shard, (after, None))
        if got is None or began != after:
            turn.after[shard] = after
            got = self._fetched(stream, turn, shard, limit)
        if isinstance(got, PuntualError):
            raise got
        if got.behind:
            turn.after[shard] = got.sequences[-1] if got.sequences else after
            turn.behind.add(shard)
        else:
            del turn.after[shard]
            turn.behind.discard(shard)
        return got

    def _fetched(self, stream: str, turn: _Turn, shard: str, limit: int) -> Got:
        """Return a page of a shard, and hold one of each of those that are read after it."""
        others = [s for s in turn.after if s != shard and s not in turn.held]
        wanted = [shard, *others][:AT_ONCE]
        if len(wanted) < 2 or not (len(wanted) >= WORTH or turn.behind & set(wanted)):
            return self._inner.read(stream, shard, after=turn.after[shard], limit=limit)
        size = min(PAGE_BYTES, max(1, HELD_BYTES // len(wanted) - ANSWER_BYTES))
        wants = [
            Want(stream=stream, shard=s, after=turn.after[s], limit=limit, size=size)
            for s in wanted
        ]
        got = self._fetch(wants)
        turn.held.update({w.shard: (w.after, g) for w, g in zip(wants, got, strict=True)})
        return turn.held.pop(shard)[1]


Streams = Callable[[StreamReader, Settings, str], StreamReader]
"""Puts a reader before Kinesis's own, for a project of a deployment."""


def alone(inner: StreamReader, settings: Settings, project: str) -> StreamReader:
    """Return the reader itself: this process reads one page after the other."""
    return inner

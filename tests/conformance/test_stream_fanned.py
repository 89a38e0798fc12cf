"""A stream whose shards are read side by side gives the same records, however they are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puntual.aws.fanned import AT_ONCE, WORTH, FannedStream, Got, Want
from puntual.errors import PermanentError, PuntualError
from puntual.local.stream import LocalStream
from puntual.ports.stream import StreamReader
from puntual.runner.clock import FixedClock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Taken = dict[str, list[bytes]]


class Threads:
    """Fetches with a thread for each page, and keeps what was wanted together."""

    def __init__(self, inner: StreamReader) -> None:
        self.inner = inner
        self.waves: list[list[Want]] = []

    def __call__(self, wants: Sequence[Want]) -> Sequence[Got]:
        self.waves.append(list(wants))
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(self._one, wants))

    def _one(self, want: Want) -> Got:
        try:
            return self.inner.read(want.stream, want.shard, after=want.after, limit=want.limit)
        except PuntualError as error:
            return error


def local(folder: Path, shards: int, records: int) -> LocalStream:
    stream = LocalStream(folder / "stream.db", FixedClock(NOON))
    stream.create("events", shards=shards)
    if records:
        stream.put("events", [(f"k{i}", b"%d" % i) for i in range(records)])
    return stream


def in_turns(
    stream: StreamReader,
    name: str,
    limit: int,
    after: dict[str, str] | None = None,
    most: int = 1_000_000,
) -> tuple[Taken, dict[str, str]]:
    """Read as landing does, at most so many pages; return the payloads and the positions."""
    taken: Taken = {}
    positions = dict(after or {})
    pages = 0
    for generation in stream.generations(name, after=positions):
        left = list(generation)
        while left and pages < most:
            for shard in tuple(left):
                if pages < most:
                    page = stream.read(name, shard, after=positions.get(shard), limit=limit)
                    pages += bool(page.sequences)
                    taken.setdefault(shard, []).extend(page.payloads)
                    positions |= {shard: page.sequences[-1]} if page.sequences else {}
                    if not page.behind:
                        left.remove(shard)
    return {shard: payloads for shard, payloads in taken.items() if payloads}, positions


def test_many_shards_are_fetched_together_from_their_first_page_on(tmp_path: Path) -> None:
    inner = local(tmp_path, WORTH, 200)
    fetch = Threads(inner)
    assert in_turns(FannedStream(inner, fetch), "events", 1_000) == in_turns(inner, "events", 1_000)
    assert [len(wave) for wave in fetch.waves] == [WORTH]


def test_a_few_small_shards_start_nothing(tmp_path: Path) -> None:
    inner = local(tmp_path, WORTH - 1, 200)
    fetch = Threads(inner)
    assert in_turns(FannedStream(inner, fetch), "events", 1_000) == in_turns(inner, "events", 1_000)
    assert fetch.waves == []


def test_a_few_shards_are_fetched_together_where_they_have_more_than_a_page(
    tmp_path: Path,
) -> None:
    inner = local(tmp_path, 3, 300)
    fetch = Threads(inner)
    assert in_turns(FannedStream(inner, fetch), "events", 20) == in_turns(inner, "events", 20)
    assert [len(wave) for wave in fetch.waves[:4]] == [3, 3, 3, 3]
    alone = set(inner.shards("events")) - {want.shard for want in fetch.waves[0] if not want.after}
    assert len(alone) == 1, "the first page of the first shard said that there is more"


def test_no_more_shards_than_a_driver_can_hold_are_fetched_at_once(tmp_path: Path) -> None:
    inner = local(tmp_path, AT_ONCE + WORTH, 400)
    fetch = Threads(inner)
    assert in_turns(FannedStream(inner, fetch), "events", 99) == in_turns(inner, "events", 99)
    assert [len(wave) for wave in fetch.waves] == [AT_ONCE, WORTH]
    assert sum(want.size for want in fetch.waves[0]) < 480 << 20


def test_a_page_that_is_held_when_a_round_ends_is_not_fetched_again(tmp_path: Path) -> None:
    inner = local(tmp_path, WORTH, 200)
    fetch = Threads(inner)
    stream = FannedStream(inner, fetch)
    first, positions = in_turns(stream, "events", 1_000, most=3)
    rest, _ = in_turns(stream, "events", 1_000, positions)
    whole, _ = in_turns(inner, "events", 1_000)
    assert len(first) == 3
    assert first | rest == whole
    assert len(fetch.waves) == 1


def test_a_page_of_another_position_is_not_given(tmp_path: Path) -> None:
    """Somebody else landed meanwhile: reading begins again from what that one published."""
    inner = local(tmp_path, WORTH, 200)
    stream = FannedStream(inner, Threads(inner))
    in_turns(stream, "events", 5, most=3)
    _, positions = in_turns(inner, "events", 7, most=8)
    assert in_turns(stream, "events", 5, positions) == in_turns(inner, "events", 5, positions)


def test_the_fault_of_one_shard_is_raised_where_that_one_is_read(tmp_path: Path) -> None:
    inner = local(tmp_path, WORTH, 200)
    _, positions = in_turns(inner, "events", 1_000)
    broken = sorted(positions)[3]
    wrong = positions | {broken: "1"}
    inner.put("events", [(f"k{i}", b"new %d" % i) for i in range(200)])
    stream = FannedStream(inner, Threads(inner))
    stream.generations("events", after=wrong)
    for shard in sorted(positions):
        if shard == broken:
            with pytest.raises(PermanentError, match="S1109"):
                stream.read("events", shard, after="1", limit=1_000)
        else:
            page = stream.read("events", shard, after=positions[shard], limit=1_000)
            assert all(p.startswith(b"new") for p in page.payloads)
            assert page.payloads


@settings(max_examples=30, deadline=None)
@given(
    shards=st.integers(1, 12),
    puts=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    limit=st.integers(1, 25),
    most=st.integers(1, 9),
)
def test_whatever_comes_is_read_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, shards: int, puts: list[int], limit: int, most: int
) -> None:
    inner = local(tmp_path_factory.mktemp("fanned"), shards, 0)
    stream = FannedStream(inner, Threads(inner))
    positions: dict[str, str] = {}
    taken: Taken = {}
    for number, records in enumerate(puts):
        if records:
            inner.put("events", [(f"k{i}", b"%d-%d" % (number, i)) for i in range(records)])
        found, positions = in_turns(stream, "events", limit, positions, most)
        for shard, payloads in found.items():
            taken.setdefault(shard, []).extend(payloads)
    for _ in range(sum(puts) + 1):
        found, positions = in_turns(stream, "events", limit, positions, most)
        for shard, payloads in found.items():
            taken.setdefault(shard, []).extend(payloads)
    whole, _ = in_turns(inner, "events", 1_000)
    assert taken == whole

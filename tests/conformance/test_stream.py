"""The embedded stream keeps what the port and Kinesis promise."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puntual.errors import PermanentError, ProjectError
from puntual.local.partition import ranges, shard_of
from puntual.local.stream import MAX_RECORD, LocalStream
from puntual.runner.clock import FixedClock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def at(path: Path, moment: datetime = NOON) -> LocalStream:
    return LocalStream(path / "stream.db", FixedClock(moment))


def everything(stream: LocalStream, name: str, limit: int = 3) -> list[tuple[str, str, bytes]]:
    found: list[tuple[str, str, bytes]] = []
    for shard in stream.shards(name):
        after: str | None = None
        behind = 1
        while behind:
            page = stream.read(name, shard, after=after, limit=limit)
            found += [(shard, s, p) for s, p in zip(page.sequences, page.payloads, strict=True)]
            after = page.sequences[-1] if page.sequences else after
            behind = page.behind
    return found


def test_a_record_lies_in_the_shard_whose_range_holds_the_md5_of_its_key(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events", shards=3)
    result = stream.put("events", [(f"c{i}", b"{}") for i in range(50)])
    for i, entry in enumerate(result.entries):
        value = int.from_bytes(hashlib.md5(f"c{i}".encode()).digest(), "big")
        assert entry.shard == f"shardId-{value * 3 // 2**128:012}"


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 256])
def test_ranges_cover_every_hash_key(shards: int) -> None:
    lows = ranges(shards)
    assert lows[0] == bytes(16)
    assert len(set(lows)) == shards
    assert all(0 <= shard_of(lows, f"{i}") < shards for i in range(200))


def test_sequence_numbers_grow_as_numbers_and_as_text(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events")
    stream.put("events", [("k", b"1")] * 12)
    stream.put("events", [("k", b"2")] * 5)
    (shard,) = stream.shards("events")
    page = stream.read("events", shard, after=None, limit=100)
    assert len(page.sequences) == 17
    assert list(page.sequences) == sorted(set(page.sequences))
    assert [int(s) for s in page.sequences] == sorted(int(s) for s in page.sequences)


def test_a_bad_record_fails_alone_with_its_code(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events")
    result = stream.put(
        "events",
        [
            ("a", b"good"),
            ("b", b"x" * (MAX_RECORD + 1)),
            ("", b"no key"),
            ("k" * 257, b"long key"),
            ("\ud800", b"no text"),
            ("c", b"x" * MAX_RECORD),
            ("d", b""),
        ],
    )
    assert [e.error for e in result.entries] == ["", "S1106", "S1107", "S1107", "S1107", "", ""]
    assert result.failed == 4
    assert [len(p) for _, _, p in everything(stream, "events")] == [4, MAX_RECORD, 0]


def test_reading_goes_on_after_a_position_and_repeats_itself(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events")
    stream.put("events", [("k", b"%d" % i) for i in range(10)])
    (shard,) = stream.shards("events")
    first = stream.read("events", shard, after=None, limit=4)
    assert (first.payloads, first.behind) == ((b"0", b"1", b"2", b"3"), 6)
    again = stream.read("events", shard, after=None, limit=4)
    assert again == first
    rest = stream.read("events", shard, after=first.sequences[-1], limit=100)
    assert (rest.payloads[0], rest.payloads[-1], rest.behind) == (b"4", b"9", 0)
    tip = stream.read("events", shard, after=rest.sequences[-1], limit=100)
    assert (tip.payloads, tip.behind) == ((), 0)


def test_arrivals_are_the_instant_of_the_put_in_microseconds(tmp_path: Path) -> None:
    stream = at(tmp_path, datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC))
    stream.create("events")
    stream.put("events", [("k", b"")])
    (shard,) = stream.shards("events")
    assert stream.read("events", shard, after=None, limit=1).arrivals == (1795176000123456,)


@pytest.mark.row("f26")
def test_retention_removes_the_oldest_and_a_reader_who_missed_them_is_told(tmp_path: Path) -> None:
    at(tmp_path).create("events", retention_days=7)
    at(tmp_path).put("events", [("k", b"old")] * 3)
    (shard,) = at(tmp_path).shards("events")
    read = at(tmp_path).read("events", shard, after=None, limit=1)
    later = at(tmp_path, NOON + timedelta(days=7, seconds=1))
    later.put("events", [("k", b"new")])
    with pytest.raises(PermanentError) as gone:
        later.read("events", shard, after=read.sequences[-1], limit=10)
    assert gone.value.code == "S1103"
    assert "2 records" in gone.value.message
    assert later.read("events", shard, after=None, limit=10).payloads == (b"new",)


def test_a_reader_at_the_edge_of_what_was_trimmed_has_missed_nothing(tmp_path: Path) -> None:
    at(tmp_path).create("events", retention_days=1)
    at(tmp_path).put("events", [("k", b"old")] * 3)
    (shard,) = at(tmp_path).shards("events")
    last = at(tmp_path).read("events", shard, after=None, limit=3).sequences[-1]
    later = at(tmp_path, NOON + timedelta(days=3))
    assert later.trim("events") == 3
    assert later.read("events", shard, after=last, limit=10).behind == 0
    assert later.put("events", [("k", b"new")]).entries[0].sequence > last


def test_a_position_beyond_the_end_is_refused(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events")
    stream.put("events", [("k", b"1")] * 5)
    (shard,) = stream.shards("events")
    last = stream.read("events", shard, after=None, limit=5).sequences[-1]
    (tmp_path / "stream.db").unlink()
    stream.create("events")
    stream.put("events", [("k", b"1")])
    with pytest.raises(PermanentError, match="S1109"):
        stream.read("events", shard, after=last, limit=5)
    with pytest.raises(PermanentError, match="S1109"):
        stream.read("events", shard, after="latest", limit=5)


def test_a_stream_that_was_not_made_is_named_and_not_made_by_reading(tmp_path: Path) -> None:
    stream = at(tmp_path)
    with pytest.raises(PermanentError, match="S1101"):
        stream.shards("events")
    assert not (tmp_path / "stream.db").exists()
    assert stream.describe() == []
    stream.create("other")
    with pytest.raises(PermanentError, match="S1101"):
        stream.put("events", [("k", b"")])
    with pytest.raises(PermanentError, match="S1101"):
        stream.put_lines("events", [b"{}\n"], key="k")


def test_making_a_stream_again_is_harmless_unless_its_shape_differs(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events", shards=2)
    stream.create("events", shards=2)
    with pytest.raises(PermanentError, match="S1105"):
        stream.create("events", shards=3)
    with pytest.raises(ProjectError, match="S1108"):
        stream.create("no/such name")
    with pytest.raises(ProjectError, match="S1108"):
        stream.create("none", shards=0)


def test_lines_are_put_by_their_key_without_their_line_end(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events", shards=4)
    lines = [b'{"client": {"id": "c%d"}, "n": %d}\r\n' % (i % 3, i) for i in range(20)]
    done = stream.put_lines("events", lines, key="client.id", batch=7)
    assert (done.put, done.failed, done.without_key, done.blank) == (20, 0, 0, 0)
    found = everything(stream, "events")
    assert sorted(json.loads(p)["n"] for _, _, p in found) == list(range(20))
    assert all(p.endswith(b"}") for _, _, p in found)
    assert len({s for s, _, p in found if json.loads(p)["client"]["id"] == "c1"}) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'{"other": "c1"}',
        b'{"k": null}',
        b'{"k": ["c1"]}',
        b'{"k": ""}',
        b'{"k": "c1"',
        b'{"k": "c1"} {"k": "c2"}',
        b'{"k": "\xff"}',
        b'{"k": "\\ud800"}',
        b'["k"]',
        b"[" * 100_000,
    ],
)
def test_a_line_without_a_key_is_put_under_its_own_digest_and_counted(
    tmp_path: Path, line: bytes
) -> None:
    stream = at(tmp_path)
    stream.create("events")
    done = stream.put_lines("events", [line + b"\n", b'{"k": 7}\n', b"\n", b"  \n"], key="k")
    assert (done.put, done.without_key, done.blank) == (2, 1, 2)
    (shard,) = stream.shards("events")
    page = stream.read("events", shard, after=None, limit=5)
    assert page.payloads == (line, b'{"k": 7}')
    assert page.keys == (hashlib.md5(line).hexdigest(), "7")


def test_a_line_that_is_too_large_is_counted_by_its_code(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events")
    large = b'{"k": "a", "x": "' + b"x" * MAX_RECORD + b'"}\n'
    done = stream.put_lines("events", [b'{"k": "a"}\n', large], key="k")
    assert (done.put, done.failed, dict(done.errors)) == (1, 1, {"S1106": 1})


def test_the_file_is_private_and_commits_are_durable(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events")
    assert stat.S_IMODE((tmp_path / "stream.db").stat().st_mode) == 0o600
    db = sqlite3.connect(tmp_path / "stream.db")
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


@pytest.mark.row("f28", "f45")
def test_a_page_of_large_records_is_bounded_and_goes_on(tmp_path: Path) -> None:
    stream = at(tmp_path)
    stream.create("events")
    stream.put("events", [("k", bytes([i]) * MAX_RECORD) for i in range(100)])
    (shard,) = stream.shards("events")
    first = stream.read("events", shard, after=None, limit=1000)
    assert 0 < len(first.payloads) < 100
    assert first.behind == 100 - len(first.payloads)
    assert [p[0] for _, _, p in everything(stream, "events", limit=1000)] == list(range(100))


_PRODUCER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from puntual.runner.clock import FixedClock
from puntual.local.stream import LocalStream

stream = LocalStream(Path(sys.argv[1]), FixedClock(datetime(2026, 11, 20, tzinfo=UTC)))
stream.put_lines("events", [b'{"k": "%d"}' % i for i in range(400)], key="k", batch=50)
"""


def test_several_processes_may_put_at_once(tmp_path: Path) -> None:
    at(tmp_path).create("events", shards=2)
    command = [sys.executable, "-c", _PRODUCER, str(tmp_path / "stream.db")]
    producers = [subprocess.Popen(command) for _ in range(2)]
    assert [p.wait(60) for p in producers] == [0, 0]
    found = everything(at(tmp_path), "events", limit=1000)
    assert len({(shard, s) for shard, s, _ in found}) == len(found) == 800


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.text(max_size=4), st.binary(max_size=8)), max_size=6), max_size=5
    ),
    st.integers(1, 5),
)
def test_whatever_was_taken_is_read_once_and_in_order(
    batches: list[list[tuple[str, bytes]]], shards: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stream = at(Path(folder))
        stream.create("events", shards=shards)
        placed: list[tuple[str, str, bytes]] = []
        for batch in batches:
            entries = stream.put("events", batch).entries
            placed += [
                (e.shard, e.sequence, payload)
                for e, (_, payload) in zip(entries, batch, strict=True)
                if not e.error
            ]
        assert everything(stream, "events") == sorted(placed)

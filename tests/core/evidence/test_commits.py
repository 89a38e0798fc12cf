"""Records of the commit log: what they are, how they follow, which switch may be committed."""

from __future__ import annotations

import pytest

from puntual.errors import EvidenceError, PermanentError
from puntual.evidence.commits import (
    Answer,
    Commit,
    Published,
    answer,
    checked,
    decode,
    decode_snapshot,
    encode,
    encode_snapshot,
    follows,
)

A, B, C = "a" * 64, "b" * 64, "c" * 64
FIRST = Commit(number=1, previous="", epoch=1, pointers={"land:x/2026-11-20": A})


def test_a_record_reads_back_as_it_was_written() -> None:
    data, digest = encode(FIRST)
    assert decode(1, data, where="x") == (FIRST, digest)
    granted = Commit(number=2, previous=digest, epoch=3, lease="run", pointers={})
    assert decode(2, encode(granted)[0], where="x")[0] == granted


@pytest.mark.row("f7")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        encode(FIRST)[0][:-1],
        encode(FIRST)[0].replace(A.encode(), B.encode()),
        encode(FIRST)[0].replace(b"puntual/commit/1", b"puntual/commit/9"),
    ],
)
def test_what_is_no_record_or_was_altered_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError, match="V1003") as caught:
        decode(1, data, where="state/commits/1")
    assert caught.value.where == "state/commits/1"


def test_a_record_under_another_number_is_refused() -> None:
    with pytest.raises(EvidenceError, match="V1003"):
        decode(2, encode(FIRST)[0], where="x")


def test_a_record_of_another_history_does_not_follow() -> None:
    follows(FIRST, "", where="x")
    with pytest.raises(EvidenceError, match="V1003"):
        follows(FIRST, A, where="x")


def test_what_is_published_is_what_the_commits_say_together() -> None:
    state = Published()
    for pointers, lease, epoch in (({}, "run", 1), ({"x": A, "y": B}, "", 1), ({"x": C}, "", 2)):
        commit = state.next(epoch=epoch, lease=lease, pointers=pointers)
        state.follow(commit, encode(commit)[1])
    assert (state.number, state.leases) == (3, {"run": 1})
    assert state.pointers == {"x": (C, 2), "y": (B, 1)}
    assert decode_snapshot(encode_snapshot(state)) == state


@pytest.mark.parametrize("data", [b"{}", b"[]", encode(FIRST)[0]])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError, match="V200"):
        decode_snapshot(data)


def test_a_snapshot_of_another_format_is_refused() -> None:
    state = Published()
    commit = state.next(epoch=1, pointers={"x": A})
    state.follow(commit, encode(commit)[1])
    with pytest.raises(EvidenceError, match="V200"):
        decode_snapshot(encode_snapshot(state).replace(b"snapshot/1", b"snapshot/2"))


@pytest.mark.parametrize(
    ("stored", "seen", "epoch", "expected"),
    [
        ({}, None, 1, Answer.COMMIT),
        ({"x": (A, 1)}, A, 1, Answer.COMMIT),
        ({"x": (A, 1)}, None, 1, Answer.LOST),
        ({"x": (C, 1)}, A, 1, Answer.LOST),
        ({"x": (B, 1)}, A, 1, Answer.DONE),
        ({"x": (B, 1)}, A, 2, Answer.COMMIT),  # the same manifest under a later lease
    ],
)
def test_a_switch_is_committed_where_what_was_seen_still_holds(
    stored: dict[str, tuple[str, int]], seen: str | None, epoch: int, expected: Answer
) -> None:
    assert answer(stored, {"x": B}, {"x": seen}, epoch) is expected


@pytest.mark.row("f27")
def test_a_lower_epoch_is_refused_before_anything_else() -> None:
    with pytest.raises(PermanentError, match="T2001") as caught:
        answer({"x": (A, 7)}, {"x": B}, {"x": A}, 6)
    assert (caught.value.expected, caught.value.observed) == ("epoch 7 or higher", "epoch 6")


def test_a_switch_names_everything_it_has_seen() -> None:
    with pytest.raises(ValueError, match="must have been read"):
        checked({"x": A}, {})
    with pytest.raises(ValueError, match="SHA-256"):
        checked({"x": "A"}, {"x": None})

"""`Pointers` and `Leases` on S3: their suites, races, lost answers and set-back logs (O1-O8)."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conformance.test_pointers import DAY, NEXT, A, B, C, LeasesSuite, PointersSuite
from support.s3 import Faults, lake_of

from puntual.aws import commits
from puntual.aws.bucket import Bucket
from puntual.aws.commits import S3CommitLog, S3Index
from puntual.aws.leases import S3Leases
from puntual.aws.pointers import S3Pointers
from puntual.errors import EvidenceError, PermanentError, TransientError
from puntual.model.manifest import Digest
from puntual.runner.clock import SystemClock

NOW = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
ME = f"process {os.getpid()}"


class Clock(SystemClock):
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def move(self, hours: int) -> None:
        self.at += timedelta(hours=hours)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_pointers(lake: Bucket) -> S3Pointers:
    return S3Pointers(S3Index(S3CommitLog(lake.below("state/commits"))))


def open_leases(
    lake: Bucket,
    clock: Clock,
    holder: str = ME,
    dead: Callable[[str], bool] = lambda holder: False,
) -> S3Leases:
    index = S3Index(S3CommitLog(lake.below("state/commits")))
    hours = timedelta(hours=6)
    return S3Leases(lake.below("state/leases"), index, clock, holder=holder, lasts=hours, dead=dead)


@pytest.fixture
def pointers(lake: Bucket) -> S3Pointers:
    return open_pointers(lake)


@pytest.fixture
def leases(lake: Bucket, clock: Clock) -> S3Leases:
    return open_leases(lake, clock)


class TestS3Pointers(PointersSuite):
    pass


class TestS3Leases(LeasesSuite):
    pass


def names(lake: Bucket, folder: str) -> list[str]:
    return [found.name.removeprefix(folder) for found in lake.listed(folder)]


def test_o1_a_switch_is_seen_by_everybody_at_once(pointers: S3Pointers, lake: Bucket) -> None:
    reader = open_pointers(lake)
    assert reader.read(DAY) is None
    pointers.switch({DAY: A, NEXT: C}, seen={DAY: None, NEXT: None}, epoch=1)
    assert reader.read_prefix("") == {DAY: A, NEXT: C}
    assert open_pointers(lake).read(DAY) == A


def test_a_repeated_switch_is_no_second_commit(pointers: S3Pointers, lake: Bucket) -> None:
    for _ in range(3):
        assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    assert names(lake, "state/commits/") == ["000000000001.json"]


@pytest.mark.row("f57")
@pytest.mark.parametrize("writers", [2, 3])
def test_o2_o3_of_writers_at_once_exactly_one_wins(lake: Bucket, writers: int) -> None:
    won: list[Digest] = []
    start = threading.Barrier(writers)

    def write(manifest: Digest) -> None:
        mine = open_pointers(lake)
        start.wait()
        if mine.switch({DAY: manifest}, seen={DAY: None}, epoch=1):
            won.append(manifest)

    threads = [threading.Thread(target=write, args=(c * 64,)) for c in "abc"[:writers]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert open_pointers(lake).read(DAY) == won[0]
    assert names(lake, "state/commits/") == ["000000000001.json"]


@pytest.mark.row("f57")
def test_writers_of_different_names_at_once_all_commit(lake: Bucket) -> None:
    start = threading.Barrier(3)

    def write(name: str) -> None:
        mine = open_pointers(lake)
        start.wait()
        for old, new in ((None, A), (A, B), (B, C)):
            assert mine.switch({name: new}, seen={name: old}, epoch=1)

    threads = [threading.Thread(target=write, args=(f"land:x/{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(open_pointers(lake).read_prefix("land:").values()) == {C}
    assert len(names(lake, "state/commits/")) == 9


@pytest.mark.row("f27", "f57")
def test_f27_a_writer_with_a_lower_epoch_is_refused_though_it_was_first_to_look(
    pointers: S3Pointers, lake: Bucket
) -> None:
    pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    zombie = open_pointers(lake)
    assert zombie.read(DAY) == A
    assert pointers.switch({DAY: B}, seen={DAY: A}, epoch=2)
    with pytest.raises(PermanentError, match="T2001"):
        zombie.switch({DAY: C}, seen={DAY: A}, epoch=1)
    assert pointers.read(DAY) == B


@pytest.mark.row("f57", "f65")
def test_o7_a_412_on_our_own_first_write_is_success(
    pointers: S3Pointers, lake: Bucket, injected: Faults
) -> None:
    injected.lose("PutObject")
    assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    assert injected.calls.count("PutObject") == 2
    assert names(lake, "state/commits/") == ["000000000001.json"]


@pytest.mark.row("f57", "f65")
def test_a_switch_whose_answers_are_all_lost_may_have_happened_and_is_repeated(
    pointers: S3Pointers, lake: Bucket, injected: Faults
) -> None:
    injected.lose("PutObject")
    injected.answer("PutObject", 500, "InternalError")
    with pytest.raises(TransientError, match="T5001"):
        pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    assert names(lake, "state/commits/") == ["000000000001.json"]


@pytest.mark.row("f57")
def test_o3_a_412_of_another_writer_decides_again(
    pointers: S3Pointers, lake: Bucket, injected: Faults
) -> None:
    other = open_pointers(lake)
    injected.meanwhile("PutObject", lambda: other.switch({NEXT: B}, seen={NEXT: None}, epoch=1))
    assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    assert pointers.read_prefix("") == {DAY: A, NEXT: B}
    injected.meanwhile("PutObject", lambda: other.switch({DAY: C}, seen={DAY: A}, epoch=1))
    assert not pointers.switch({DAY: B}, seen={DAY: A}, epoch=1)
    assert pointers.read(DAY) == C


def test_o3_a_409_is_tried_again_after_waiting(s3: Any, injected: Faults) -> None:
    waited: list[float] = []
    pointers = open_pointers(lake_of(s3, waited=waited))
    injected.answer("PutObject", 409, "ConditionalRequestConflict", times=3)
    assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    assert waited == [0.1, 0.2, 0.4]


@pytest.mark.row("f65")
@pytest.mark.parametrize(
    ("status", "vendor", "code"),
    [(503, "SlowDown", "T5002"), (500, "InternalError", "T5001"), (403, "AccessDenied", "T5004")],
)
def test_a_store_that_refuses_is_no_answer_to_who_published(
    pointers: S3Pointers, injected: Faults, status: int, vendor: str, code: str
) -> None:
    injected.answer("PutObject", status, vendor, times=2)
    with pytest.raises((TransientError, PermanentError), match=code):
        pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
    assert pointers.read(DAY) is None
    injected.answer("GetObject", status, vendor, times=2)
    with pytest.raises((TransientError, PermanentError), match=code):
        pointers.read(DAY)


@pytest.mark.row("f7", "f8")
@pytest.mark.parametrize("harm", ["altered", "first gone", "middle gone", "last gone"])
def test_a_log_that_is_not_what_was_recorded_is_refused(
    lake: Bucket, s3: Any, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "SNAPSHOT_EVERY", 3 if harm == "last gone" else 256)
    pointers = open_pointers(lake)
    for old, new in ((None, A), (A, B), (B, C)):
        pointers.switch({DAY: new}, seen={DAY: old}, epoch=1)
    log = lake.below("state/commits")
    if harm == "altered":
        found = log.read("000000000002.json")
        assert found is not None
        log.overwrite("000000000002.json", found.data.replace(b"b" * 64, b"e" * 64))
    else:
        number = ("first gone", "middle gone", "last gone").index(harm) + 1
        s3.delete_object(**log.place(f"{number:012}.json"))
    with pytest.raises(EvidenceError, match="V1003"):
        open_pointers(lake).read(DAY)


def test_a_reader_begins_at_the_newest_snapshot(
    lake: Bucket, injected: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "SNAPSHOT_EVERY", 4)
    pointers = open_pointers(lake)
    before: Digest | None = None
    for number in range(10):
        new = f"{number:064x}"
        assert pointers.switch({DAY: new, f"x/{number}": A},
                               seen={DAY: before, f"x/{number}": None}, epoch=1)  # fmt: skip
        before = new
    expected = pointers.read_prefix("")
    injected.calls.clear()
    assert open_pointers(lake).read_prefix("") == expected
    # the snapshot and its commit, then commits 9 and 10, and that there is no 11
    assert injected.calls.count("GetObject") == 5


def test_a_long_log_is_fetched_many_at_once(lake: Bucket) -> None:
    pointers = open_pointers(lake)
    for number in range(40):
        pointers.switch({f"x/{number:02}": A}, seen={f"x/{number:02}": None}, epoch=1)
    assert list(open_pointers(lake).read_prefix("x/")) == [f"x/{n:02}" for n in range(40)]


@pytest.mark.row("f8", "f27")
def test_epochs_do_not_go_back_when_the_leases_object_is_lost(
    lake: Bucket, s3: Any, clock: Clock
) -> None:
    for _ in range(3):
        with open_leases(lake, clock).acquire("run"):
            pass
    s3.delete_object(**lake.below("state/leases").place("run.json"))
    with open_leases(lake, clock).acquire("run") as lease:
        assert lease.epoch == 4


@pytest.mark.row("f27", "f57")
def test_a_lease_ends_by_itself_and_its_old_holder_does_not_give_back_the_next(
    lake: Bucket, clock: Clock
) -> None:
    mine = open_leases(lake, clock)
    lease = mine.acquire("run")
    clock.move(5)
    other = open_leases(lake, clock, "another")
    with pytest.raises(TransientError, match="T2003"):
        other.acquire("run")
    clock.move(1)
    later = other.acquire("run")
    assert (lease.epoch, later.epoch) == (1, 2)
    assert not mine.renew("run", lease.epoch)
    lease.__exit__(None, None, None)
    held = other.holder("run")
    assert held is not None
    assert (held.holder, held.epoch) == ("another", 2)


def test_a_lease_that_is_renewed_lasts_longer(lake: Bucket, clock: Clock) -> None:
    mine = open_leases(lake, clock)
    lease = mine.acquire("stream")
    clock.move(5)
    assert mine.renew("stream", lease.epoch)
    clock.move(5)
    with pytest.raises(TransientError, match="T2003"):
        open_leases(lake, clock, "another").acquire("stream")


@pytest.mark.row("f27", "f57")
def test_a_holder_that_is_known_to_be_dead_is_succeeded(lake: Bucket, clock: Clock) -> None:
    open_leases(lake, clock, "execution:1").acquire("run")
    knows = open_leases(lake, clock, "execution:2", dead=lambda holder: holder == "execution:1")
    assert knows.acquire("run").epoch == 2


def test_a_lease_that_is_revoked_is_free(lake: Bucket, clock: Clock) -> None:
    mine = open_leases(lake, clock)
    mine.acquire("run")
    mine.revoke("run")
    assert mine.holder("run") is None
    assert open_leases(lake, clock).acquire("run").epoch == 2


@pytest.mark.row("f57")
def test_o4_of_runs_that_start_at_once_one_gets_the_lease(lake: Bucket, clock: Clock) -> None:
    got: list[int] = []
    start = threading.Barrier(3)

    def run(number: int) -> None:
        mine = open_leases(lake, clock, f"execution:{number}")
        start.wait()
        with contextlib.suppress(TransientError):
            got.append(mine.acquire("run").epoch)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [1]


@pytest.mark.row("f65")
def test_o7_a_lease_whose_answer_was_lost_is_ours(leases: S3Leases, injected: Faults) -> None:
    injected.lose("PutObject")
    with leases.acquire("run") as lease:
        assert lease.epoch == 1
    with leases.acquire("run") as lease:
        assert lease.epoch == 2


@pytest.mark.row("f65")
def test_a_lease_whose_grant_cannot_be_written_is_given_back(
    leases: S3Leases, lake: Bucket, injected: Faults
) -> None:
    def refuse_the_grant() -> None:
        injected.answer("PutObject", 403, "AccessDenied")

    injected.meanwhile("PutObject", refuse_the_grant)
    with pytest.raises(PermanentError, match="T5004"):
        leases.acquire("run")
    assert leases.holder("run") is None
    with leases.acquire("run") as lease:
        assert lease.epoch == 2

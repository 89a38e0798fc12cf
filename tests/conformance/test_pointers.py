"""Every promise of `Pointers` and `Leases`, kept by each store."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from puntual.errors import EvidenceError, PermanentError, TransientError
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqliteLeases, SqlitePointers
from puntual.model.manifest import Manifest, Totals
from puntual.ports.pointers import Leases, Pointers
from puntual.runner.checkpoint import commit
from puntual.runner.clock import FixedClock

A, B, C = "a" * 64, "b" * 64, "c" * 64
DAY = "curate:credits/2026-03-02"
NEXT = "curate:credits/2026-03-03"
NOW = FixedClock(datetime(2026, 3, 3, 8, 0, tzinfo=UTC))


class PointersSuite:
    """Every promise of Pointers; subclass it with a `pointers` fixture."""

    def test_a_name_that_was_never_published_points_nowhere(self, pointers: Pointers) -> None:
        assert pointers.read(DAY) is None

    def test_of_two_writers_that_saw_the_same_manifest_one_wins(self, pointers: Pointers) -> None:
        assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        assert not pointers.switch({DAY: B}, seen={DAY: None}, epoch=1)
        assert pointers.read(DAY) == A

    @pytest.mark.row("f65")
    def test_a_switch_whose_answer_was_lost_may_be_repeated(self, pointers: Pointers) -> None:
        assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        assert pointers.switch({DAY: B}, seen={DAY: A}, epoch=1)
        assert pointers.switch({DAY: B}, seen={DAY: A}, epoch=1)
        assert pointers.read(DAY) == B

    def test_several_names_are_switched_all_or_none(self, pointers: Pointers) -> None:
        pointers.switch({NEXT: C}, seen={NEXT: None}, epoch=1)
        assert not pointers.switch({DAY: A, NEXT: B}, seen={DAY: None, NEXT: None}, epoch=1)
        assert pointers.read(DAY) is None
        assert pointers.switch({DAY: A, NEXT: B}, seen={DAY: None, NEXT: C}, epoch=1)
        assert pointers.read_prefix("curate:credits/") == {DAY: A, NEXT: B}

    @pytest.mark.row("f27")
    def test_f27_a_writer_that_lost_its_lease_is_refused(self, pointers: Pointers) -> None:
        pointers.switch({DAY: A}, seen={DAY: None}, epoch=7)
        with pytest.raises(PermanentError, match="T2001") as caught:
            pointers.switch({DAY: B}, seen={DAY: A}, epoch=6)
        assert (caught.value.expected, caught.value.observed) == ("epoch 7 or higher", "epoch 6")
        assert pointers.read(DAY) == A

    def test_a_refused_writer_changes_none_of_its_names(self, pointers: Pointers) -> None:
        pointers.switch({NEXT: A}, seen={NEXT: None}, epoch=7)
        with pytest.raises(PermanentError, match="T2001"):
            pointers.switch({DAY: B, NEXT: B}, seen={DAY: None, NEXT: A}, epoch=6)
        assert pointers.read(DAY) is None

    def test_a_prefix_is_text_and_no_pattern(self, pointers: Pointers) -> None:
        names = ["land:a_b/1", "land:aXb/1", "land:a_b/2", "load:a_b/1"]
        for name in names:
            pointers.switch({name: A}, seen={name: None}, epoch=1)
        assert list(pointers.read_prefix("land:a_b/")) == ["land:a_b/1", "land:a_b/2"]
        assert list(pointers.read_prefix("")) == sorted(names)

    def test_a_switch_names_everything_it_has_seen(self, pointers: Pointers) -> None:
        with pytest.raises(ValueError, match="must have been read"):
            pointers.switch({DAY: A}, seen={}, epoch=1)
        with pytest.raises(ValueError, match="SHA-256"):
            pointers.switch({DAY: "A"}, seen={DAY: None}, epoch=1)


class LeasesSuite:
    """Every promise of Leases; subclass it with a `leases` fixture."""

    def test_each_grant_has_a_higher_epoch_than_all_before(self, leases: Leases) -> None:
        epochs = []
        for _ in range(3):
            with leases.acquire("run") as lease:
                epochs.append(lease.epoch)
        assert epochs == sorted(set(epochs))

    @pytest.mark.row("f56")
    def test_f56_a_lease_that_is_held_is_refused(self, leases: Leases) -> None:
        with leases.acquire("run"), pytest.raises(TransientError, match="T2003") as caught:
            leases.acquire("run")
        assert str(os.getpid()) in caught.value.observed
        assert "2026-03-03" in caught.value.observed

    def test_a_lease_is_given_back_when_the_work_fails(self, leases: Leases) -> None:
        with pytest.raises(ZeroDivisionError), leases.acquire("run"):
            _ = 1 // 0
        with leases.acquire("run") as lease:
            assert lease.epoch == 2

    def test_leases_of_two_names_do_not_disturb_each_other(self, leases: Leases) -> None:
        with leases.acquire("run"), leases.acquire("stream") as lease:
            assert lease.epoch == 1


def _rows(path: Path) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        return [
            db.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()
            for table, columns in (("pointers", "*"), ("leases", "name, epoch"), ("indexed", "*"))
        ]


def _remove(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


class TestSqlitePointers(PointersSuite):
    @pytest.fixture
    def pointers(self, tmp_path: Path) -> Iterator[SqlitePointers]:
        with closing(SqlitePointers(tmp_path / "state.db")) as opened:
            yield opened

    def test_a_switch_survives_the_process(self, pointers: SqlitePointers, tmp_path: Path) -> None:
        pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        with closing(SqlitePointers(tmp_path / "state.db")) as again:
            assert again.read(DAY) == A

    def test_the_file_is_private(self, pointers: SqlitePointers, tmp_path: Path) -> None:
        pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        for path in tmp_path.glob("state.db*"):
            assert path.stat().st_mode & 0o077 == 0

    def test_a_file_that_others_could_read_is_made_private(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        path.touch(0o644)
        path.chmod(0o644)
        SqlitePointers(path).close()
        assert path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.row("f8")
    def test_a_state_file_that_is_gone_is_made_again_from_the_log(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with closing(SqliteLeases(path, NOW)) as leases, leases.acquire("run"):
            pass
        with closing(SqlitePointers(path)) as pointers:
            pointers.switch({DAY: A, NEXT: C}, seen={DAY: None, NEXT: None}, epoch=1)
            pointers.switch({DAY: B}, seen={DAY: A}, epoch=1)
        before = _rows(path)
        _remove(path)
        with closing(SqlitePointers(path)) as again:
            assert again.read_prefix("") == {DAY: B, NEXT: C}
        assert _rows(path) == before

    @pytest.mark.row("f8", "f27")
    def test_epochs_do_not_go_back_with_the_state_file(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with closing(SqliteLeases(path, NOW)) as leases:
            for _ in range(3):
                with leases.acquire("run"):
                    pass
        _remove(path)
        with closing(SqliteLeases(path, NOW)) as leases, leases.acquire("run") as lease:
            assert lease.epoch == 4

    @pytest.mark.row("f2", "f8")
    def test_a_commit_whose_transaction_was_lost_has_happened(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with closing(SqlitePointers(path)) as pointers:
            pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        older = path.read_bytes()
        with closing(SqlitePointers(path)) as pointers:
            pointers.switch({DAY: B}, seen={DAY: A}, epoch=1)
        path.write_bytes(older)
        with closing(SqlitePointers(path)) as again:
            assert again.read(DAY) == B
            assert not again.switch({DAY: C}, seen={DAY: A}, epoch=1)

    @pytest.mark.row("f27", "f57")
    def test_a_writer_whose_state_file_was_taken_away_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with closing(SqlitePointers(path)) as zombie:
            zombie.switch({DAY: A}, seen={DAY: None}, epoch=1)
            _remove(path)
            with closing(SqlitePointers(path)) as later:
                assert later.switch({DAY: B}, seen={DAY: A}, epoch=2)
            with pytest.raises(PermanentError, match="T2001"):
                zombie.switch({DAY: C}, seen={DAY: A}, epoch=1)
        with closing(SqlitePointers(path)) as later:
            assert later.read(DAY) == B

    @pytest.mark.row("f7", "f8")
    @pytest.mark.parametrize("harm", ["altered", "first gone", "middle gone", "last gone"])
    def test_a_log_that_is_not_what_was_recorded_is_refused(
        self, tmp_path: Path, harm: str
    ) -> None:
        path = tmp_path / "state.db"
        with closing(SqlitePointers(path)) as pointers:
            for old, new in ((None, A), (A, B), (B, C)):
                pointers.switch({DAY: new}, seen={DAY: old}, epoch=1)
        records = sorted((tmp_path / "state.commits").glob("*.json"))
        if harm == "altered":
            records[1].write_bytes(records[1].read_bytes().replace(b"b" * 64, b"e" * 64))
        else:
            records[("first gone", "middle gone", "last gone").index(harm)].unlink()
        if harm != "last gone":
            _remove(path)
        with pytest.raises(EvidenceError, match="V1003"):
            SqlitePointers(path)

    def test_a_repeated_switch_is_no_second_commit(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        with closing(SqlitePointers(path)) as pointers:
            for _ in range(3):
                assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        assert len(list((tmp_path / "state.commits").glob("*.json"))) == 1

    @pytest.mark.row("f57")
    def test_f57_of_many_writers_at_once_exactly_one_wins(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        SqlitePointers(path).close()
        won: list[str] = []
        start = threading.Barrier(6)

        def write(manifest: str) -> None:
            mine = SqlitePointers(path)
            start.wait()
            if mine.switch({DAY: manifest}, seen={DAY: None}, epoch=1):
                won.append(manifest)
            mine.close()

        threads = [threading.Thread(target=write, args=(c * 64,)) for c in "abcdef"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        with closing(SqlitePointers(path)) as again:
            assert again.read(DAY) == won[0]

    @pytest.mark.row("f8")
    def test_f8_a_damaged_file_is_named_and_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "state.db"
        path.write_bytes(b"this was never a database, and it is long enough to be read" * 100)
        with pytest.raises(PermanentError, match="T2004") as caught:
            SqlitePointers(path)
        assert caught.value.where == str(path)
        assert path.exists()

    def test_a_file_that_another_holds_for_too_long_is_transient(
        self, pointers: SqlitePointers, tmp_path: Path
    ) -> None:
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        pointers._db.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(TransientError, match="T2002"):
            pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)
        other.execute("ROLLBACK")
        other.close()
        assert pointers.switch({DAY: A}, seen={DAY: None}, epoch=1)

    @pytest.mark.row("f2")
    def test_commits_are_synchronous(self, pointers: SqlitePointers) -> None:
        (level,) = pointers._db.execute("PRAGMA synchronous").fetchone()
        assert level == 2


HOLD = """
import sys, time
from pathlib import Path
from puntual.runner.clock import SystemClock
from puntual.local.pointers import SqliteLeases
with SqliteLeases(Path(sys.argv[1]), SystemClock()).acquire("run") as lease:
    print(lease.epoch, flush=True)
    time.sleep(60)
"""


class TestSqliteLeases(LeasesSuite):
    @pytest.fixture
    def leases(self, tmp_path: Path) -> Iterator[SqliteLeases]:
        with closing(SqliteLeases(tmp_path / "state.db", NOW)) as opened:
            yield opened

    @pytest.mark.row("f27", "f57")
    def test_a_lease_of_a_living_process_is_refused_and_of_a_killed_one_taken(
        self, leases: SqliteLeases, tmp_path: Path
    ) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "state.db")], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"1\n"
            with pytest.raises(TransientError, match="T2003") as caught:
                leases.acquire("run")
            assert str(other.pid) in caught.value.observed
            other.send_signal(signal.SIGSTOP)
            with pytest.raises(TransientError, match="T2003"):
                leases.acquire("run")
            other.kill()
            other.wait()
        with leases.acquire("run") as lease:
            assert lease.epoch == 2

    @pytest.mark.parametrize(
        "changes",
        [
            "pid = 1, started = '1'",  # the number lives, but it is another process now
            "pid = 999999999",
            "boot = 'an earlier start of this machine'",
            "host = 'another container of this machine'",
        ],
    )
    def test_a_lease_of_a_process_that_is_gone_is_taken(
        self, leases: SqliteLeases, tmp_path: Path, changes: str
    ) -> None:
        died_holding(leases, tmp_path / "state.db", changes)
        with leases.acquire("run") as lease:
            assert lease.epoch == 2

    @pytest.mark.row("f12")
    def test_f12_a_lease_of_another_machine_is_never_taken_but_may_be_given_up(
        self, leases: SqliteLeases, tmp_path: Path
    ) -> None:
        died_holding(leases, tmp_path / "state.db", "host = 'elsewhere', boot = 'other'")
        with pytest.raises(TransientError, match="T2003") as caught:
            leases.acquire("run")
        assert "elsewhere" in caught.value.observed
        leases.release("run", 1)
        with leases.acquire("run") as lease:
            assert lease.epoch == 2

    def test_a_lease_that_was_lost_does_not_release_the_next_one(
        self, leases: SqliteLeases
    ) -> None:
        with leases.acquire("run") as lease:
            leases.release("run", lease.epoch - 1)
            assert leases.holder("run") is not None
        assert leases.holder("run") is None


def died_holding(leases: SqliteLeases, path: Path, changes: str) -> None:
    """Leave a row as a holder that died would, of whom `changes` says who it was."""
    with leases.acquire("run"):
        pass
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE leases SET held = 1, {changes}")
    db.close()


class AnswerLost:
    """Real pointers; the switch happens and its answer is lost, once."""

    def __init__(self, real: SqlitePointers, *, before: bool) -> None:
        self._real = real
        self._before = before
        self.lost = 0

    def read(self, name: str) -> str | None:
        return self._real.read(name)

    def read_prefix(self, prefix: str) -> Mapping[str, str]:
        return self._real.read_prefix(prefix)

    def switch(
        self, changes: Mapping[str, str], *, seen: Mapping[str, str | None], epoch: int
    ) -> bool:
        if not self._before:
            self._real.switch(changes, seen=seen, epoch=epoch)
        self.lost += 1
        raise TransientError("T2002", "no answer", where="pointers")


@dataclass(frozen=True)
class Kept:
    objects: LocalObjects
    pointers: Pointers


MADE = Manifest(
    step="curate:credits",
    dataset="credits",
    reference_date=date(2026, 3, 2),
    key=A,
    inputs={},
    code=B,
    objects=(),
    totals=Totals(records=0),
)


@pytest.mark.row("f65")
@pytest.mark.row("f57")
def test_a_commit_whose_answer_is_lost_is_read_back_and_compared(tmp_path: Path) -> None:
    with closing(SqlitePointers(tmp_path / "state.db")) as real:
        lost = AnswerLost(real, before=False)
        kept = Kept(objects=LocalObjects(tmp_path / "lake"), pointers=lost)
        assert commit(kept, MADE, epoch=1).digest == real.read(DAY)
        assert lost.lost == 1


@pytest.mark.row("f57")
def test_a_commit_that_did_not_happen_is_not_taken_for_one(tmp_path: Path) -> None:
    with closing(SqlitePointers(tmp_path / "state.db")) as real:
        lost = AnswerLost(real, before=True)
        kept = Kept(objects=LocalObjects(tmp_path / "lake"), pointers=lost)
        with pytest.raises(TransientError, match="T2002"):
            commit(kept, MADE, epoch=1)
        assert real.read(DAY) is None

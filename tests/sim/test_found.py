"""What the simulator found in the product: each with the smallest test that shows it."""

from __future__ import annotations

import random
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

import pytest

from puntual.evidence.commits import Commit
from puntual.local import commits
from puntual.local.commits import CommitLog
from puntual.local.disk import make_folder, write_synced
from puntual.local.folder import FolderDestinations
from puntual.local.journal import SqliteJournal
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.delivery import Completeness, Delivery, DeliveryId, State, Timeliness
from puntual.model.report import Folder as FolderPath
from puntual.runner import delivery
from puntual.runner.world import DayRun
from sim import race, worker
from sim.disk import Loss, SimulatedDisk, installed
from sim.episode import episode
from sim.nights import nights
from sim.worker import SWEPT

DAY = date(2031, 10, 24)
SENT = Delivery(
    id=DeliveryId(report="payments_daily", reference_date=DAY, version=1),
    state=State.SENT,
    completeness=Completeness.FULL,
    timeliness=Timeliness.ON_TIME,
    due_at=datetime(2031, 10, 27, 13, tzinfo=UTC),
    sent_at=datetime(2031, 10, 27, 8, tzinfo=UTC),
)


@pytest.mark.row("f27")
def test_a_run_that_lost_its_lease_takes_nothing_back_that_a_later_one_has_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.save(SENT)
    as_the_zombie_sees_it = replace(SENT, state=State.READY, sent_at=None)
    monkeypatch.setattr(delivery, "delivery_of", lambda *_, **__: as_the_zombie_sees_it)
    monkeypatch.setattr(delivery, "due_of", lambda *_: SENT.due_at)
    clock = SimpleNamespace(now=lambda: SENT.due_at)
    run = SimpleNamespace(
        world=SimpleNamespace(
            journal=journal, clock=clock, zone=None, pointers=SqlitePointers(tmp_path / "state.db")
        ),
        project=SimpleNamespace(reports={"payments_daily": None}),
        published={},
        date=DAY,
        restatements={"payments_daily": SimpleNamespace(version=1)},
    )

    delivery.project_state(cast(DayRun, run), "payments_daily")

    assert journal.deliveries() == (SENT,)
    journal.close()


def test_a_folder_made_by_a_process_that_died_is_durable_once_something_lies_in_it(
    tmp_path: Path,
) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    disk = SimulatedDisk((str(lake),), effect=lambda kind, path: None, dead=lambda: False)
    with installed(disk):
        (lake / "raw").mkdir()  # and there its process died, before it synced `lake`
        ref = LocalObjects(lake).put_bytes("raw/payments", b"rows", suffix=".csv")
        disk.crash(Loss.NAMES, random.Random(1))
        assert LocalObjects(lake).read(ref) == b"rows"


def test_a_file_named_by_a_run_that_died_is_durable_once_it_counts_as_delivered(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    disk = SimulatedDisk((str(out),), effect=lambda kind, path: None, dead=lambda: False)
    with installed(disk):
        make_folder(out)
        write_synced(out / "report.txt", b"rows", 0o640)  # and died before it synced `out`
        FolderDestinations(tmp_path).deliver(
            FolderPath(path="out"), SENT.id, {"report.txt": b"rows"}
        )
        disk.crash(Loss.NAMES, random.Random(1))
        assert (out / "report.txt").read_bytes() == b"rows"


def test_a_commit_named_by_a_writer_that_died_is_durable_once_the_state_has_it(
    tmp_path: Path,
) -> None:
    log = tmp_path / "state.commits"
    disk = SimulatedDisk((str(log),), effect=lambda kind, path: None, dead=lambda: False)
    with installed(disk):
        with mock.patch.object(commits, "sync_folder"):  # it died before that
            CommitLog(log).append(
                Commit(number=1, previous="", epoch=1, pointers={"a/b": "0" * 64})
            )
        pointers = SqlitePointers(tmp_path / "state.db")
        assert pointers.read("a/b") == "0" * 64
        pointers.close()
        disk.crash(Loss.NAMES, random.Random(1))
        again = SqlitePointers(tmp_path / "state.db")
        assert again.read("a/b") == "0" * 64
        again.close()


def test_a_step_whose_every_attempt_is_late_ends_the_run_with_a_code_and_not_as_a_bug() -> None:
    told = episode(631)

    assert told.fired["step timeout"] >= 1
    assert told.wrong == []


@pytest.fixture
def standing_still_while_pages_lie_on_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let half of the zombies stand still there, where the later run then sweeps."""
    monkeypatch.setattr(race, "WINDOW", (("answer of stream.read",), 2))


@pytest.mark.row("f27")
@pytest.mark.usefixtures("standing_still_while_pages_lie_on_scratch")
def test_a_zombie_whose_scratch_was_swept_stops_with_a_code_and_not_as_a_bug() -> None:
    told = episode(10, only=race.ZOMBIE)

    assert told.fired[SWEPT] >= 1, "T2007 did not occur"
    assert told.wrong == []


@pytest.mark.usefixtures("standing_still_while_pages_lie_on_scratch")
def test_the_same_zombie_is_a_bug_where_nobody_says_what_the_missing_file_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "machine_faults", lambda where: nullcontext())

    told = episode(10, only=race.ZOMBIE)

    assert any("FileNotFoundError" in wrong for wrong in told.wrong), told.wrong


@pytest.mark.row("f27", "f57")
def test_a_zombie_writes_into_nothing_that_a_later_run_has_in_work() -> None:
    told = episode(92, only=race.ZOMBIE)  # both had one folder of scratch: V1001 of the later one

    assert told.fired[race.ZOMBIE] >= 1
    assert told.wrong == []


def test_what_a_delivering_run_could_not_resolve_is_resolved_though_no_run_follows() -> None:
    told = nights(448)  # the notices did not answer: `not_allowed` stayed open for ever

    assert told.fired["transient error"] >= 1
    assert told.wrong == []


def test_what_was_told_of_plan_b_is_resolved_though_the_notices_do_not_answer_at_once() -> None:
    told = nights(1835)  # all was delivered and rehearsed, and one answer lacked: open for ever

    assert told.fired["transient error"] >= 1
    assert told.wrong == []


def test_a_first_day_that_passed_while_the_machine_slept_is_missed_aloud_and_made_up() -> None:
    told = nights(904)  # nothing of it was on record, and it was forgotten

    assert told.fired["machine asleep"] >= 1
    assert told.wrong == []

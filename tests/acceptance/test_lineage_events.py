"""Events of runs: written beside the ledger after the delivery, each forwarded once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.openlineage import validate
from support.receivers import free_port, hook_server
from support.small import (
    DAY,
    MODEL,
    ROWS,
    Ran,
    drop,
    good_day,
    puntual,
    run_day,
    vouch,
    write_project,
)

from puntual.cli import lineage_events
from puntual.local.journal import SqliteJournal
from puntual.project.read import read_project

NEXT = "2026-03-03"
NEXT_AT = "2026-03-04T05:00:00-06:00"
EVENTS = ".puntual/lineage"


def export(root: Path, *more: str, day: str = DAY) -> Ran:
    return puntual(root, "export", "openlineage", "-d", day, *more)


def read(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def told(root: Path, day: str = DAY) -> list[tuple[str, str]]:
    """Return (step, type of event) of a day, in order."""
    return [(e["job"]["name"], e["eventType"]) for e in read(export(root, day=day).out)]


def next_day(root: Path) -> Ran:
    drop(root, tuple(r.replace(DAY, NEXT) for r in ROWS), day=NEXT)
    vouch(root, 4, "330.35", day=NEXT)
    return run_day(root, day=NEXT, as_of=NEXT_AT)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = good_day(tmp_path_factory.mktemp("delivered") / "bank")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    return root


@pytest.fixture
def bank(delivered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(delivered, tmp_path / "bank", symlinks=True))


def test_a_run_writes_its_events_beside_the_ledger_and_a_second_run_changes_none(
    bank: Path,
) -> None:
    (file,) = (bank / EVENTS / DAY).iterdir()
    events = file.read_bytes()
    validate(events)
    assert ("deliver:payments_daily", "COMPLETE") in told(bank)
    assert run_day(bank).code == 0
    assert [p.read_bytes() for p in (bank / EVENTS / DAY).iterdir()] == [events]
    assert export(bank).out.encode() == events


def test_written_events_outlive_the_journal_and_say_what_was_run(bank: Path) -> None:
    before = export(bank).out
    (bank / ".puntual/journal.db").unlink()
    model = bank / "models" / "movements.sql"
    model.write_text(model.read_text().replace("amount < 0", "amount <= 0"))
    assert export(bank).out == before


def test_events_that_are_missing_are_derived_and_are_the_same(bank: Path) -> None:
    before = export(bank).out
    shutil.rmtree(bank / EVENTS)
    assert export(bank).out == before
    assert not (bank / EVENTS).exists(), "an export that only reads writes nothing"


def test_events_that_cannot_be_written_stop_no_delivery_and_the_next_run_writes_them(
    tmp_path: Path,
) -> None:
    root = good_day(tmp_path)
    (root / ".puntual").mkdir()
    (root / EVENTS).write_text("in the place of the folder")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    assert list((root / "out").glob("*20260302*"))
    assert "not written, the next run does it: T1002" in ran.err
    whole = told(root)
    (root / EVENTS).unlink()
    again = next_day(root)
    assert (again.code, again.err) == (0, "")
    assert sorted(p.name for p in (root / EVENTS).iterdir()) == [DAY, NEXT]
    (root / ".puntual/journal.db").unlink()
    assert told(root) == whole


def test_a_run_that_is_still_going_on_is_left_to_itself(bank: Path) -> None:
    """Its file would be whole before its events are."""
    (mine,) = [p.stem for p in (bank / EVENTS / DAY).iterdir()]
    with closing(SqliteJournal(bank / ".puntual/journal.db")) as journal:
        happened = journal.steps(date.fromisoformat(DAY))[0]
        journal.record(replace(happened, run="later", outcome="failed", step="land:payments"))
    lineage_events.write(bank, read_project(bank), {mine})
    assert [p.stem for p in (bank / EVENTS / DAY).iterdir()] == [mine]
    assert ("land:payments", "FAIL") in told(bank), "an export derives what is not written yet"
    assert next_day(bank).code == 0
    assert {p.stem for p in (bank / EVENTS / DAY).iterdir()} == {mine, "later"}


def test_a_correction_writes_its_events_too(bank: Path) -> None:
    before = {p.name for p in (bank / EVENTS / DAY).iterdir()}
    drop(bank, ("p5;c1;1.00;2026-03-02",), suffix="_b")
    vouch(bank, 5, "331.35")
    asked = ("amend", "-r", "payments_daily", "-d", DAY, "--reason", "a file came late", "--yes")
    ran = puntual(bank, *asked, "--as-of", "2026-03-03T06:00:00-06:00")
    assert ran.code == 0, ran.out + ran.err
    (new,) = [p for p in (bank / EVENTS / DAY).iterdir() if p.name not in before]
    validate(new.read_bytes())
    assert ("deliver:payments_daily", "COMPLETE") in [
        (e["job"]["name"], e["eventType"]) for e in read(new.read_text())
    ]


def failing(sql: str) -> Callable[[Path], Path]:
    def made(root: Path) -> Path:
        write_project(root, **{"models/movements.sql": sql})
        drop(root)
        vouch(root, 4, "330.35")
        return root

    return made


def test_a_step_that_failed_is_a_fail_event_that_names_its_fault(tmp_path: Path) -> None:
    """The model divides by text that is no number, which only the rows show."""
    sql = MODEL.replace("amount < 0 AS refund", "CAST(client_id AS INTEGER) < 0 AS refund")
    root = failing(sql)(tmp_path)
    assert run_day(root).code == 3
    (file,) = (root / EVENTS / DAY).iterdir()
    validate(file.read_bytes())
    failed = [e for e in read(file.read_text()) if e["eventType"] == "FAIL"]
    assert {e["job"]["name"] for e in failed} == {"build:movements"}
    assert all(e["run"]["facets"]["errorMessage"]["message"] for e in failed)
    starts = [r for r, kind in told(root) if kind == "START"]
    ends = [r for r, kind in told(root) if kind != "START"]
    assert sorted(starts) == sorted(ends)
    assert "p1" not in file.read_text(), "no value of a row"


def test_a_day_whose_very_first_step_failed_has_its_fail_event(tmp_path: Path) -> None:
    root = good_day(tmp_path)
    (root / ".puntual/lake").mkdir(parents=True)
    (root / ".puntual/lake/raw").write_text("in the place of the folder")
    ran = run_day(root)
    assert ran.code == 3, ran.out + ran.err
    assert ("land:payments", "FAIL") in told(root)


def test_a_held_delivery_is_no_failed_step_and_what_was_not_done_has_no_event(
    tmp_path: Path,
) -> None:
    root = good_day(tmp_path)
    vouch(root, 5, "330.35")  # the source says 5 records, 4 came
    assert run_day(root).code == 1
    (file,) = (root / EVENTS / DAY).iterdir()
    validate(file.read_bytes())
    happened = told(root)
    assert ("decide:payments_daily", "COMPLETE") in happened
    assert "FAIL" not in {kind for _, kind in happened}
    assert "deliver:payments_daily" not in {step for step, _ in happened}


def test_each_event_is_posted_once_and_a_receiver_that_was_down_gets_the_rest_later(
    bank: Path,
) -> None:
    port = free_port()
    to = f"http://127.0.0.1:{port}/hook"
    events = export(bank).out.splitlines()
    down = export(bank, "--to", to)
    assert (down.code, "D2005" in down.err, f"0 of {len(events)}" in down.err) == (3, True, True)
    with hook_server(port) as hook:

        def overloaded() -> None:
            hook.status = 503 if len(hook.got) == 4 else 202

        hook.before = overloaded
        some = export(bank, "--to", to)
        assert (some.code, f"3 of {len(events)} events were taken" in some.err) == (3, True)
        refused = hook.got.pop()
        hook.before = lambda: None
        hook.status = 202
        rest = export(bank, "--to", to)
        assert (rest.code, f" {len(events) - 3} events" in rest.out) == (0, True), rest.err
        assert [p.body.decode() for p in hook.got] == events
        assert refused.body == hook.got[3].body
        assert hook.got[0].headers["Content-Type"] == "application/json; charset=utf-8"
        none = export(bank, "--to", to)
        assert (none.code, len(hook.got)) == (0, len(events))
        assert next_day(bank).code == 0
        assert export(bank, "--to", to, day=f"{DAY}..{NEXT}").code == 0
        later = [p.body.decode() for p in hook.got[len(events) :]]
        assert later == export(bank, day=NEXT).out.splitlines()


def test_a_receiver_that_refuses_is_told_and_a_redirection_is_not_followed(bank: Path) -> None:
    with hook_server() as hook:
        for status, said in ((401, "HTTP 401"), (307, "not followed")):
            hook.status = status
            ran = export(bank, "--to", hook.url)
            assert (ran.code, "D2006" in ran.err, said in ran.err) == (3, True, True), ran.err
        assert len(hook.got) == 2


def test_a_record_of_what_was_taken_that_was_torn_sends_that_event_again(bank: Path) -> None:
    with hook_server() as hook:
        assert export(bank, "--to", hook.url).code == 0
        (kept,) = (bank / EVENTS / "forwarded").iterdir()
        whole = kept.read_bytes()
        kept.write_bytes(whole[:-5])
        before = len(hook.got)
        assert export(bank, "--to", hook.url).code == 0
        assert [p.body for p in hook.got[before:]] == [hook.got[before - 1].body]
        assert export(bank, "--to", hook.url).code == 0
        assert len(hook.got) == before + 1


@pytest.mark.parametrize("to", ["ftp://catalogue/x", "https://", "http://host:port/x"])
def test_an_address_that_is_none_is_a_wrong_call(bank: Path, to: str) -> None:
    ran = export(bank, "--to", to)
    assert (ran.code, "such as https://" in ran.err) == (2, True), ran.err

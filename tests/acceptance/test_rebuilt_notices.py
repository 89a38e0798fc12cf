"""Notices that follow from what is published outlive the journal: told again, and resolved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.partial import approve, partial_project, send_cards, send_payments
from support.small import AS_OF, DAY, Ran, good_day, puntual, run_day, vouch

DECIDED, LATER = "2026-03-03T06:50:00-06:00", "2026-03-03T11:00:00-06:00"
ROUTE = "notices:\n  ops: {severity: [error, warn], file: told.jsonl}\n"
Told = tuple[str, str, str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A day whose file is right; whoever is told writes it down."""
    good_day(tmp_path)
    with (tmp_path / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    return tmp_path


def _told(root: Path) -> list[Told]:
    """Return (cause, type, id) of what was told, in order."""
    bodies = [json.loads(line) for line in (root / "told.jsonl").read_text().splitlines()]
    return [(b["data"]["cause"], b["type"].removeprefix("Notice."), b["id"]) for b in bodies]


def _delete(root: Path, pattern: str = "journal.db*") -> None:
    for file in (root / ".puntual").glob(pattern):
        file.unlink()


def _ack(root: Path, status: str, number: str) -> Ran:
    said = ("--status", status, "--id", number, "--as-of", LATER)
    return puntual(root, "ack", "payments_daily", "-d", DAY, *said)


@pytest.mark.row("f8", "f73")
def test_a_hold_that_was_told_is_resolved_though_the_journal_was_lost(root: Path) -> None:
    vouch(root, 4, "330.36")
    assert run_day(root).code == 1
    _delete(root)
    vouch(root, 4, "330.35")
    ran = run_day(root)
    assert ran.code == 0, ran.err
    assert "journal.db made again" in ran.out
    told = _told(root)
    assert [one[:2] for one in told] == [
        ("held", "Opened"),
        ("held", "Opened"),
        ("held", "Resolved"),
    ]


@pytest.mark.row("f8", "f73")
def test_with_every_file_gone_the_notices_say_what_the_status_says(root: Path) -> None:
    vouch(root, 4, "330.36")
    assert run_day(root).code == 1
    _delete(root, "*.db*")
    listed = puntual(root, "notices", "--as-of", AS_OF)
    assert listed.code == 0, listed.err
    assert f"payments_daily/{DAY}  held  warn  open" in listed.out
    assert [one[:2] for one in _told(root)] == [("held", "Opened")] * 2


@pytest.mark.row("f8", "f73")
def test_a_rejection_is_told_again_under_its_id_and_resolved_by_an_acceptance(root: Path) -> None:
    assert run_day(root).code == 0
    assert _ack(root, "rejected", "R-1").code == 0
    _delete(root)
    assert _ack(root, "accepted", "R-2").code == 0
    first, again, resolved = _told(root)
    assert first[:2] == ("rejected", "Opened")
    assert again == first
    assert resolved[:2] == ("rejected", "Resolved")


@pytest.mark.row("f8", "f73")
def test_a_partial_delivery_is_told_again_under_its_id_and_resolved_in_full(
    tmp_path: Path,
) -> None:
    partial_project(tmp_path)
    with (tmp_path / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    send_payments(tmp_path)
    approve(tmp_path)
    assert run_day(tmp_path, as_of=DECIDED).code == 4
    _delete(tmp_path)
    send_cards(tmp_path)
    full = run_day(tmp_path, as_of=LATER)
    assert full.code == 0, full.out + full.err
    first, again, resolved = _told(tmp_path)
    assert first[:2] == ("not_full", "Opened")
    assert again == first
    assert resolved[:2] == ("not_full", "Resolved")


@pytest.mark.row("f8")
def test_what_is_delivered_in_full_opens_nothing(root: Path) -> None:
    assert run_day(root).code == 0
    _delete(root)
    assert run_day(root).code == 0
    assert not (root / "told.jsonl").exists()

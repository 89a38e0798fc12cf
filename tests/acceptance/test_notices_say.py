"""What a notice says is enough to act on, and true: due, why, what follows, what ended it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.partial import (
    POLICY,
    REPORT,
    approve,
    partial_project,
    send_cards,
    send_payments,
)
from support.receivers import HOST, free_port, hook_server
from support.small import AS_OF, DAY, SETTINGS, drop, puntual, run_day, vouch, write_project

EARLY, DECIDED = "2026-03-03T05:00:00-06:00", "2026-03-03T06:50:00-06:00"
LATER = "2026-03-03T11:00:00-06:00"
ROUTE = "notices:\n  record: {file: told.jsonl}\n"
Told = tuple[str, str, list[str]]


def _told(root: Path) -> list[Told]:
    """Return (cause, type, lines) of what was told, in order."""
    bodies = map(json.loads, (root / "told.jsonl").read_text().splitlines())
    return [(b["data"]["cause"], b["type"][7:], b["data"]["text"].splitlines()) for b in bodies]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A day without its cards, that an approved policy sends all the same."""
    partial_project(tmp_path)
    with (tmp_path / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    send_payments(tmp_path)
    approve(tmp_path)
    return tmp_path


@pytest.mark.row("f33")
def test_a_hold_is_told_with_due_time_left_reason_and_what_silence_does(root: Path) -> None:
    assert run_day(root, as_of=EARLY).code == 6
    ((cause, _, text),) = _told(root)
    title, why, silence, ask = text
    assert cause == "held"
    assert title == f"HELD · {REPORT} {DAY} · due 2026-03-03 07:00 CST (2 h 00 min)"
    assert why.startswith("P2002 cards sent nothing")
    assert silence == "waits for cards until 2026-03-03T06:26-06:00; then the policy decides"
    assert ask.endswith(f"puntual explain {REPORT} -d {DAY}")


def test_a_hold_that_no_policy_covers_is_told_as_that_and_explained_as_that(tmp_path: Path) -> None:
    policy = POLICY.replace("when: [absent]", 'when: [short]\n    limits: {rows: 1, share: "0.50"}')
    root = partial_project(tmp_path, policy)
    with (root / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    send_payments(root)
    approve(root)
    assert run_day(root, as_of=EARLY).code == 1
    assert _told(root)[0][2][2] == "nothing is sent as it stands"
    told = puntual(root, "explain", REPORT, "-d", DAY, "--as-of", EARLY).out
    assert "nothing is delivered as it stands" in told
    assert "decides by itself" not in told


@pytest.mark.row("f73")
def test_what_was_sent_and_what_failed_are_told_with_the_due_time(root: Path) -> None:
    (root / "out").write_text("a file in place of the folder")
    assert run_day(root, as_of=DECIDED).code == 3
    (root / "out").unlink()
    assert run_day(root, as_of=DECIDED).code == 4
    titles = {cause: lines[0] for cause, kind, lines in _told(root) if kind == "Opened"}
    assert titles["D1001"] == f"FAILED · {REPORT} {DAY} · due 2026-03-03 07:00 CST (10 min)"
    assert titles["not_full"] == f"SENT PARTIAL · {REPORT} {DAY} · due 2026-03-03 07:00 CST"


@pytest.mark.row("f73")
def test_a_fault_that_another_one_has_overtaken_is_not_told_as_one_that_a_run_came_past(
    root: Path,
) -> None:
    out = root / "out"
    out.write_text("a file in place of the folder")
    assert run_day(root, as_of=DECIDED).code == 3
    out.unlink()
    out.mkdir()
    (out / "payments_daily_20260302_v1.txt").write_text("of somebody else")
    assert run_day(root, as_of=DECIDED).code == 3
    told = [(cause, kind, lines) for cause, kind, lines in _told(root) if cause[:2] == "D1"]
    assert {(cause, kind) for cause, kind, _ in told} == {
        ("D1001", "Opened"),
        ("D1002", "Opened"),
        ("D1001", "Resolved"),
    }
    (ended,) = (lines[1] for _, kind, lines in told if kind == "Resolved")
    assert ended == "overtaken by D1002"


@pytest.mark.row("f33", "f73")
def test_a_hold_that_comes_up_in_the_file_after_the_decision_pages(tmp_path: Path) -> None:
    """Both sources match and the decision is full; the file has lost the refunds."""
    root = partial_project(tmp_path)
    sql = root / f"reports/{REPORT}/report.sql"
    sql.write_text(sql.read_text().replace("GROUP BY", "AND amount > 0\nGROUP BY"))
    with (root / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    send_payments(root)
    send_cards(root)
    approve(root)
    assert run_day(root, as_of=EARLY).code == 1
    assert {cause for cause, _, _ in _told(root)} == {"held"}
    assert run_day(root, as_of=DECIDED).code == 1
    pages = [lines for cause, _, lines in _told(root) if cause == "not_allowed"]
    assert len(pages) == 1
    assert pages[0][0].startswith(f"NOT ALLOWED · {REPORT} {DAY} · due 2026-03-03 07:00 CST")
    assert "R2001" in pages[0][1]


def _held(root: Path, hook: str) -> Path:
    routes = f"notices:\n  hook: {{webhook: {{url: '{hook}'}}}}\n  record: {{file: told.jsonl}}\n"
    write_project(root, **{"puntual.yaml": SETTINGS + routes})
    drop(root)
    vouch(root, 5, "340.34")
    assert run_day(root).code == 1
    vouch(root, 4, "330.35")
    return root


@pytest.mark.row("f73")
def test_a_resolution_says_what_ended_it_and_in_the_zone_of_the_report(tmp_path: Path) -> None:
    with hook_server() as hook:
        root = _held(tmp_path, hook.url)
        assert run_day(root, as_of="2026-03-03T05:30:00-06:00").code == 0
        event = json.loads(hook.got[-1].body)
    cause, kind, lines = _told(root)[-1]
    assert (cause, kind) == ("held", "Resolved")
    assert lines[0].startswith(f"resolved 2026-03-03 05:30 CST: HELD · {REPORT} {DAY}")
    assert lines[1:] == ["delivered: v1, full, on time", "open since 2026-03-03 05:00 CST"]
    assert event["data"]["ended"] == "delivered: v1, full, on time"


@pytest.mark.row("f73")
def test_who_certainly_never_heard_of_a_notice_hears_of_no_resolution(tmp_path: Path) -> None:
    port = free_port()  # nobody listens: the connection is refused
    root = _held(tmp_path, f"http://{HOST}:{port}/in")
    assert "D2007" in puntual(root, "notices", "--as-of", AS_OF).out
    assert run_day(root, as_of="2026-03-03T05:30:00-06:00").code == 0
    assert [(c, k) for c, k, _ in _told(root)] == [("held", "Opened"), ("held", "Resolved")]
    shown = puntual(root, "notices", "--all", "--as-of", AS_OF).out
    assert "opened  over before it could be told  hook/" in shown
    assert "resolved  NOT TOLD" not in shown
    assert "no notice is open" in puntual(root, "notices", "--as-of", AS_OF).out


def test_explain_says_why_a_delivery_was_not_full_and_by_which_policy(root: Path) -> None:
    assert run_day(root, as_of=DECIDED).code == 4
    told = puntual(root, "explain", REPORT, "-d", DAY, "--as-of", LATER).out
    first = told.splitlines()[0]
    assert first == f" ◐ {REPORT}/{DAY}/v1  sent, partial, on time  due 2026-03-03 07:00 CST"
    assert "  Not full because:\n   P2002  cards: cards sent nothing" in told
    assert "  policy    cards   sha256 " in told
    assert "  clause    cards_absent: P2002 cards" in told
    assert "a run that finds what was missing replaces it in full" in told
    assert "run stopped" not in told


def test_that_nobody_is_told_of_anything_is_said_by_the_doctor_and_the_watch(
    tmp_path: Path,
) -> None:
    said = "nobody is told: puntual.yaml declares no route under 'notices'"
    root = write_project(tmp_path)
    watch = ("watch", "--as-of", AS_OF, "--until", AS_OF, "--land-every", "0")
    assert f" ! {'notices':<28} {said}" in puntual(root, "doctor", "--as-of", AS_OF).out
    assert f"2026-03-03 05:00 CST  {said}" in puntual(root, *watch).out
    with (root / "puntual.yaml").open("a") as settings:
        settings.write(ROUTE)
    assert said not in puntual(root, "doctor", "--as-of", AS_OF).out
    assert said not in puntual(root, *watch).out


def test_status_names_the_zone_of_what_ran_as_of_what_is_to_come(root: Path) -> None:
    assert run_day(root, as_of=EARLY).code == 6
    told = puntual(root, "status", "--as-of", EARLY).out
    assert "due 2026-03-03 07:00 CST (2 h 00 min left)" in told
    assert "UTC-06:00" not in told

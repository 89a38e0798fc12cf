"""What is shown in clear, and what is laid down, stands in the ledger: before it counts."""

from __future__ import annotations

import io
import os
import pwd
import shutil
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from support.small import DAY, ROWS, SETTINGS, Ran, drop, good_day, run_day, vouch

from puntual.cli import books, places, reveals
from puntual.cli.main import main
from puntual.evidence.ledger import Told, decode
from puntual.local.pointers import SqliteLeases
from puntual.runner.clock import SystemClock

POLICY = """\
report: payments_daily
author: zoe
valid_from: "2026-01-01"
valid_until: "2026-12-30"
approval: {roles: [compliance, operations], people: 2}
delivery: {mode: signed, roles: [compliance], people: 2}
minimum: {sources: [payments]}
clauses:
  - {id: clients_missing, check: client_given, substitute: omit, owner: Core}
"""
ROLES = "roles:\n  compliance: [ana, luis]\n  operations: [eva]\n"
SHOW = ("reconcile", "-d", DAY, "--row", "p2", "--unmask")


def within(root: Path, *arguments: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def told(root: Path, event: str) -> list[Told]:
    """Return what the ledger tells of one kind of event, the oldest first."""
    entries = [decode(data).told for _, data in books.read_ledger(root).backwards()]
    return [t for t in reversed(entries) if t.event.value == event]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reveals") / "bank"
    root.mkdir()
    assert run_day(good_day(root)).code == 0
    return root


@pytest.fixture
def bank(day: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(day, tmp_path / "bank"))


def test_a_reveal_stands_in_the_ledger_by_person_and_column_and_without_a_value(bank: Path) -> None:
    assert "250.50" not in within(bank, *SHOW[:-1]).out
    assert told(bank, "reveal") == []
    shown = within(bank, *SHOW)
    assert (shown.code, "250.50" in shown.out) == (0, True)
    (entry,) = told(bank, "reveal")
    assert entry.facts["who"] == reveals.this_person()
    assert {"payments.client_id", "payments.amount"} <= set(entry.facts["columns"])  # type: ignore[call-overload]
    assert "250.50" not in str(entry)
    assert within(bank, "ledger", "check").code == 0


def test_while_a_run_has_the_ledger_nothing_is_shown(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reveals, "PATIENCE", 0.2)
    with (
        closing(SqliteLeases(places.pointers_path(bank), SystemClock())) as leases,
        leases.acquire("run"),
    ):
        refused = within(bank, *SHOW)
    assert (refused.code, "250.50" in refused.out) == (3, False)
    assert "T2008" in refused.err, refused.err
    assert told(bank, "reveal") == []


def test_where_nothing_can_be_put_on_record_nothing_is_shown(bank: Path) -> None:
    for key in (bank / ".puntual" / "keys").glob("*.pem"):
        key.unlink()
    refused = within(bank, *SHOW)
    assert (refused.code, "V5001" in refused.err, "250.50" in refused.out) == (3, True, False)


@pytest.mark.parametrize(("holder", "code"), [("somebody else", 2), (reveals.this_person(), 0)])
def test_where_the_role_is_declared_only_its_holders_see_values(
    bank: Path, holder: str, code: int
) -> None:
    (bank / "puntual.yaml").write_text(f"{SETTINGS}roles:\n  reveal: [{holder}]\n")
    ran = within(bank, *SHOW)
    assert (ran.code, "C1905" in ran.err, "250.50" in ran.out) == (code, code == 2, code == 0)


@pytest.mark.parametrize("command", [SHOW, ("query", "SELECT client_id FROM payments", "--unmask")])
def test_nobody_is_somebody_else_by_a_variable(
    bank: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """`USER` and `LOGNAME` are the caller's to set; the account is the system's."""
    (bank / "puntual.yaml").write_text(f"{SETTINGS}roles:\n  reveal: [eva]\n")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "eva")
    refused = within(bank, *command)
    assert (refused.code, "C1905" in refused.err, "250.50" in refused.out) == (2, True, False)
    account = pwd.getpwuid(os.getuid()).pw_name
    (bank / "puntual.yaml").write_text(f"{SETTINGS}roles:\n  reveal: [{account}]\n")
    assert within(bank, *SHOW).code == 0
    (entry,) = told(bank, "reveal")
    assert entry.facts["who"] == account


def test_each_change_of_a_policy_is_on_record_once_by_the_next_run(bank: Path) -> None:
    assert told(bank, "policy") == []
    (bank / "puntual.yaml").write_text(SETTINGS + ROLES)
    (bank / "policies").mkdir()
    (bank / "policies/partial.yaml").write_text(POLICY)
    run_next(bank, "2026-03-03", "2026-03-04T05:00:00-06:00")
    roles, policy = (t.facts for t in reversed(told(bank, "policy")))
    assert (policy["name"], policy["before"]) == ("policies/partial.yaml", "")
    assert (policy["report"], policy["valid_until"]) == ("payments_daily", "2026-12-30")
    assert roles["name"] == "roles of puntual.yaml"
    (bank / "policies/partial.yaml").unlink()
    run_next(bank, "2026-03-04", "2026-03-05T05:00:00-06:00")
    *_, gone = told(bank, "policy")
    assert (gone.facts["sha256"], gone.facts["before"]) == ("", policy["sha256"])
    assert len(told(bank, "policy")) == 3


def run_next(bank: Path, day: str, at: str) -> None:
    drop(bank, tuple(r.replace(DAY, day) for r in ROWS), day=day)
    vouch(bank, 4, "330.35", day=day)
    ran = run_day(bank, day=day, as_of=at)
    assert ran.code == 0, ran.out + ran.err

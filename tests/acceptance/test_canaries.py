"""1,000 canaries in classified columns of the example bank: none is in anything that is told."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from support.layers import holds
from support.small import Ran, puntual
from support.tamper import copy_of

from puntual.aws.log import Log
from puntual.cli.main import main
from puntual.local.journal import SqliteJournal
from puntual.model.plan import Land
from puntual.project.read import read_project
from puntual.runner.flow import Failed

EXAMPLE = Path(__file__).parents[2] / "examples" / "credit-report"
GOOD, WRONG = "2026-11-18", "2026-11-19"
BY = ("by_tax_id", "by_name_in_the_core")
MARK = "QKXCANARY"
DATA = (".puntual/lake/raw/", ".puntual/lake/curated/", ".puntual/warehouse", ".puntual/stream")
"""What holds the data itself; everything else tells of it."""


CONTROLS = """\
controls:
  - id: by_tax_id
    kind: end_to_end
    left: {raw: clients}
    right: {warehouse: clients, where: "tax_id NOT LIKE '%7'"}
    by: [tax_id]
    measures: [count, {max: registered_on}]
    on_fail: flag
    severity: warn
  - id: by_name_in_the_core
    kind: business
    equal:
      left: {warehouse: clients, count: true}
      right: {database: clients, query: "SELECT name FROM clients LIMIT 300", count: true}
      by: [name]
    on_fail: flag
    severity: warn
"""
"""Controls by classified columns that do not agree, so that their groups are named."""


@dataclass
class Bank:
    """The bank with its canaries, and all that its commands have said."""

    root: Path
    planted: int
    said: dict[str, Ran] = field(default_factory=dict)

    def told(self) -> dict[str, bytes]:
        """Return everything that was said or written, but for the data itself."""
        found = {n: (r.out + r.err).encode() for n, r in self.said.items()}
        for path in sorted(p for p in self.root.rglob("*") if p.is_file()):
            name = str(path.relative_to(self.root))
            made = name.startswith((".puntual/", "out/", "evidence/"))
            if made and not name.startswith(DATA):
                found[name] = path.read_bytes()
        return found


def canary(number: int) -> str:
    return f"{MARK}{number:04}"


def plant(root: Path) -> int:
    """Put a canary into names and tax ids, and into texts, amounts and clients of branch lines."""
    planted = 0
    with closing(sqlite3.connect(root / "data" / "core.db")) as db, db:
        clients = "SELECT DISTINCT client_id FROM clients WHERE snapshot_date IN (?, ?) ORDER BY 1"
        for (client,) in db.execute(clients, (GOOD, WRONG)).fetchall()[:400]:
            values = (canary(planted), canary(planted + 1), client)
            planted += 2
            db.execute("UPDATE clients SET name = ?, tax_id = ? WHERE client_id = ?", values)
    for day, last in ((GOOD, 900), (WRONG, 1000)):
        for path in sorted((root / "inbox").glob(f"branch_{day.replace('-', '')}_*.csv")):
            head, *lines = path.read_text("latin-1").splitlines()
            names = head.split(";")
            for i, line in enumerate(lines):
                cells = dict(zip(names, line.split(";"), strict=True))
                if planted == last:
                    break
                number = planted
                planted += 1
                column = names[-1]
                if day == WRONG:
                    column = ("importe", "cliente", names[-1])[i % 3]
                cells[column] = canary(number)
                lines[i] = ";".join(cells.values())
            path.write_text("\n".join([head, *lines]) + "\n", "latin-1", newline="\n")
    return planted


def watchdog() -> ModuleType:
    """Return what emits metrics; absent its library it is skipped at a desk, and fails in CI."""
    if find_spec("boto3") is None and not os.environ.get("CI"):
        pytest.skip("boto3 is not installed")
    return importlib.import_module("puntual.aws.watchdog")


def within(root: Path, *arguments: str) -> Ran:
    """Run the command in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), *arguments])
        out.flush()
    buffer = out.buffer
    assert isinstance(buffer, io.BytesIO)
    return Ran(code, buffer.getvalue().decode(), err.getvalue())


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    root = copy_of(EXAMPLE, tmp_path_factory.mktemp("canaries") / "project")
    command = [sys.executable, str(root / "generate.py"), "--into", str(root), "--seed", "42"]
    subprocess.run(command, check=True, capture_output=True)
    found = Bank(root, plant(root))
    (root / "controls" / "canaries.yaml").write_text(CONTROLS)
    within(root, "stream", "create", "--stream", "card-events", "--shards", "1")
    put = ("stream", "put", "--stream", "card-events", "--key", "client_id")
    early = ("--as-of", "2026-11-20T05:00:00-06:00")
    for day, at in ((GOOD, "2026-11-19T05:00:00-06:00"), (WRONG, early[1])):
        file = str(root / f"data/card_events/{day}.jsonl")
        found.said[f"put {day}"] = within(root, *put, "--as-of", f"{day}T21:00:00-06:00", file)
        found.said[f"run {day}"] = puntual(root, "run", "-d", day, "--as-of", at)
    row = ("lineage", "arrears_daily", "-d", GOOD, "--row", "line:2")
    number = ("lineage", "credit_daily", "-d", GOOD, "--row", "line:2", "--sql", "--left-out")
    for said in (
        ("check",),
        ("status", "--json", *early),
        ("explain", "credit_daily", "-d", WRONG),
        ("exceptions", "-d", WRONG, "--json"),
        ("exceptions", "-d", WRONG),
        ("reconcile", "-d", WRONG, "--rows"),
        ("reconcile", "-d", WRONG, "--rows", "--json"),
        ("reconcile", "-d", GOOD),
        *(("reconcile", "-d", GOOD, "--format", f) for f in ("json", "csv", "junit")),
        ("reconcile", "-d", GOOD, "--rows", "by_tax_id"),
        *(("reconcile", "-d", GOOD, "--rows", c, "--format", "junit") for c in BY),
        ("verify", "-d", GOOD),
        (*number, "--column", "branch_net"),
        (*row, "--column", "balance", "--json"),
        (*row, "--column", "client_id"),
        (
            "lineage",
            "arrears_daily",
            "-d",
            GOOD,
            "--row",
            f"client_id={canary(1)}",
            "--column",
            "balance",
        ),
        ("export", "openlineage", "-d", f"{GOOD}..{WRONG}"),
    ):
        asked = tuple(a for a in said if MARK not in a)
        found.said[" ".join(asked)] = within(root, *said)
    return found


def test_the_canaries_are_there_and_every_path_was_taken(bank: Bank) -> None:
    assert bank.planted == 1000
    codes = {name: ran.code for name, ran in bank.said.items()}
    good, wrong = bank.said[f"run {GOOD}"], bank.said[f"run {WRONG}"]
    assert good.code == 0, good.out + good.err
    assert wrong.code == 1
    assert 70 not in codes.values()
    assert "S2" in wrong.out + bank.said[f"exceptions -d {WRONG}"].out
    assert "not_a_decimal" in bank.said[f"exceptions -d {WRONG} --json"].out
    assert all("● every record" in r.out for n, r in bank.said.items() if "--left-out" in n)


def test_groups_by_a_classified_column_are_counted_and_named_by_pseudonyms(bank: Bank) -> None:
    data = json.loads(bank.said[f"reconcile -d {GOOD} --format json"].out)["data"]
    results = {c["id"]: c for c in data["controls"]}
    tax, name = results["by_tax_id"], results["by_name_in_the_core"]
    assert (tax["masked"], name["masked"]) == (["tax_id"], ["name"])
    assert (tax["state"], name["state"]) == ("mismatched", "mismatched")
    shown = [g["key"][0] for g in tax["groups"]]
    assert len(shown) == len(set(shown)) == min(100, sum(map(int, tax["counts"].values())))
    assert all(re.fullmatch(r"‹[0-9]+ chars #[0-9a-f]{24}›", key) for key in shown)
    single = [m["left"] for g in tax["groups"] for m in g["measures"] if m["name"][:3] == "max"]
    assert all(str(left).startswith("‹10 chars #") for left in single)
    assert int(name["counts"]["matched"]) > 200
    rows = bank.said[f"reconcile -d {GOOD} --rows by_tax_id"].out
    assert shown[0] in rows


def test_groups_are_shown_in_clear_to_whom_is_put_on_record(bank: Bank) -> None:
    ran = within(bank.root, "reconcile", "-d", GOOD, "--rows", "by_tax_id", "--unmask")
    assert (ran.code, MARK in ran.out) == (1, True), ran.out + ran.err


def test_no_canary_is_in_what_is_printed_logged_noticed_stated_or_exported(bank: Bank) -> None:
    told = bank.told()
    assert any("journal" in n for n in told)
    assert any(n.startswith("evidence/") for n in told)
    assert any("manifests" in n for n in told)
    assert any(n.startswith(".puntual/lineage/") for n in told)
    assert [n for n, data in told.items() if holds(data, MARK)] == []


def test_no_canary_is_in_a_metric_or_in_the_log_of_a_function(
    bank: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    """What CloudWatch gets of these days: the watchdog's metrics, and each step's lines."""
    aws = watchdog()
    project = read_project(bank.root)
    early = datetime.fromisoformat("2026-11-19T00:00:00-06:00").astimezone(UTC)
    started = early + timedelta(hours=2)
    ran = (aws.Ran(at=started, status="FAILED", day=date(2026, 11, 18)),)
    emitted: list[str] = []
    for hours in range(48):
        at = early + timedelta(hours=hours)
        emitted += aws.lines(project.name, aws.measured(project, at, ran, None), at)
    found = [json.loads(line) for line in emitted]
    names = {m["Name"] for one in found for m in one["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names == {"NotStarted", "DeadlineAtRisk"}
    assert {one[next(iter(names & one.keys()))] for one in found} == {0, 1}, "at risk, and not"
    log, steps = Log("a-run"), 0
    with closing(SqliteJournal(bank.root / ".puntual/journal.db")) as journal:
        for day in (GOOD, WRONG):
            for event in journal.steps(date.fromisoformat(day)):
                steps += 1
                step = Land(source=event.step)
                log.finished(step, event.outcome, event.seconds, event.summary)
                log.failed(step, 1, Failed(event.outcome, event.summary))
    said = capsys.readouterr().out
    assert said.count("\n") == 2 * steps > 40
    assert MARK not in "".join(emitted) + said

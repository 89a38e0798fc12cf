"""A whole project: what it becomes, and that every complaint comes at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from core.project.base import FILES, edited, first_lines, shown, write

from puntual.errors import ProjectError
from puntual.model.check import Fresh, OnFail, RowRule, Severity, SqlRows
from puntual.model.codes import CODES
from puntual.model.contract import Csv, JsonLines, Keep, Kind, Parquet
from puntual.model.control import ControlKind
from puntual.model.report import Folder
from puntual.model.source import ControlSnapshot, DatabaseSource, FileSource, Marker
from puntual.project.read import lint, read_project


def test_a_right_project_has_no_complaint(tmp_path: Path) -> None:
    project, complaints, files = lint(write(tmp_path))
    assert shown(complaints) == ""
    assert project is not None
    assert files == len(FILES)


def test_a_right_project_is_what_its_files_say(tmp_path: Path) -> None:
    project = read_project(write(tmp_path))
    assert project.name == "banco-ejemplo"
    credits, branch = project.sources["credits"], project.sources["branch"]
    assert isinstance(credits, DatabaseSource)
    assert credits.query == "SELECT * FROM credits WHERE snapshot_date = :reference_date"
    assert credits.control == ControlSnapshot()
    assert isinstance(branch, FileSource)
    assert branch.complete == Marker(suffix=".ok")
    assert project.models["movements"].inputs == ("card_events", "credits")
    assert project.models["movements"].carries == "card_events"
    assert project.warehouse.tables == ("credits", "movements")
    assert project.controls["ledger_tie"].kind is ControlKind.BUSINESS
    assert project.controls["ledger_tie"].measures[0].tolerance == Decimal("0.50")
    calendar = project.calendars["mx-cnbv"]
    assert calendar.holidays == ((date(2026, 11, 16), "Revolution day"),)


def test_a_contract_is_read_with_its_custom_properties(tmp_path: Path) -> None:
    contracts = read_project(write(tmp_path)).contracts
    events = contracts["card_events"]
    assert events.key == ("event_id",)
    assert (events.keep, events.order_by, events.day_column) == (
        Keep.LAST,
        "occurred_at",
        "occurred_at",
    )
    assert (events.quarantine_limit.rows, events.quarantine_limit.amount) == (5, Decimal(1000))
    amount, kind = events.columns[2], events.columns[3]
    assert (amount.source_name, amount.type.kind, amount.type.scale) == (
        "pay.amount",
        Kind.DECIMAL,
        2,
    )
    assert (kind.accepted, kind.pattern) == (("PAYMENT", "REFUND"), "^[A-Z]+$")
    assert events.time_zone == "America/Mexico_City"
    assert events.format == JsonLines()
    assert contracts["credits"].format == Parquet()
    assert contracts["branch"].format == Csv(
        delimiter=";", encoding="latin-1", decimal_mark=",", group_mark="."
    )
    assert contracts["branch"].columns[1].format == "%d/%m/%Y"


@pytest.mark.parametrize(
    ("team", "owner"),
    [
        ("{name: Card platform, members: [{username: eva, role: owner}]}", "Card platform"),
        (
            "{members: [{username: ana}, {username: eva, name: Eva Prado, role: Owner}]}",
            "Eva Prado",
        ),
        ("{members: [{username: eva, role: owner}]}", "eva"),
        ('{members: [{username: eva, role: owner, dateOut: "2026-01-01"}]}', ""),
        ("[{username: luis, role: owner}]", "luis"),
        ("{members: [{username: ana, role: steward}]}", ""),
    ],
)
def test_who_answers_for_a_dataset_is_what_the_team_of_its_contract_says(
    tmp_path: Path, team: str, owner: str
) -> None:
    path = next(name for name in FILES if name.startswith("contracts/"))
    plain = read_project(write(tmp_path / "plain"))
    assert plain.owners == {}
    text = FILES[path].replace("status: active", f"status: active\nteam: {team}", 1)
    found = read_project(write(tmp_path, {**FILES, path: text}))
    dataset = next(c.dataset for c in found.contracts.values() if c.file == path)
    assert found.owners == ({dataset: owner} if owner else {})
    same = replace(found.contracts[dataset], digest="") == replace(
        plain.contracts[dataset], digest=""
    )
    assert same, "who answers for a dataset changes nothing of how it is read"


def test_every_kind_of_check_is_read(tmp_path: Path) -> None:
    checks = read_project(write(tmp_path)).checks
    assert checks["credit_exists"].on_fail is OnFail.QUARANTINE
    assert checks["credit_exists"].basis == "CUB art. 207"
    assert checks["recent"].rule == Fresh(column="occurred_at", max_age=timedelta(hours=24))
    assert checks["positive"].rule == RowRule(expression="balance >= 0")
    assert checks["positive"].severity is Severity.WARN
    orphans = checks["no_orphans"].rule
    assert isinstance(orphans, SqlRows)
    assert orphans.file == "checks/orphans.sql"


def test_a_report_is_read_with_its_sql_and_layout(tmp_path: Path) -> None:
    report = read_project(write(tmp_path)).reports["credit_daily"]
    assert (report.due_after, report.due_at, report.time_zone) == (
        1,
        time(7),
        "America/Mexico_City",
    )
    assert report.sql.endswith("ORDER BY product")
    assert report.destinations == (Folder(path="out"),)
    assert report.ties[1].column == "*"
    assert report.layout.trailer[1].value == "{sum:balance}"
    assert report.layout.newline == "\n"


def test_an_environment_replaces_what_it_names(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_project(tmp_path).warehouse.kind == "duckdb"
    ci = read_project(tmp_path, env="ci").warehouse
    assert (ci.kind, ci.location, ci.tables) == (
        "postgresql",
        "env:CI_DSN",
        ("credits", "movements"),
    )


def test_an_unknown_environment_names_the_nearest(tmp_path: Path) -> None:
    _, complaints, _ = lint(write(tmp_path), env="cii")
    assert "C1012  unknown environment 'cii'" in shown(complaints)
    assert "did you mean 'ci'?" in shown(complaints)


def test_an_environment_that_nobody_chose_is_checked_as_well(tmp_path: Path) -> None:
    complaints = edited(tmp_path, "puntual.yaml", "{kind: postgresql,", "{kind: postgres,")
    assert first_lines(complaints) == [
        "puntual.yaml:29:23  C1011  'postgres' is not a possible kind"
    ]


def test_a_complaint_is_shown_with_its_line_a_caret_and_the_nearest_name(tmp_path: Path) -> None:
    complaints = edited(
        tmp_path, "reports/credit_daily/report.yaml", "calendar: mx-cnbv", "calendar: mx-cnvb"
    )
    assert shown(complaints) == (
        "reports/credit_daily/report.yaml:3:11  C1012  unknown calendar 'mx-cnvb'\n"
        "     3 │ calendar: mx-cnvb\n"
        "       │           ^^^^^^^ did you mean 'mx-cnbv'?"
    )


def test_all_complaints_over_all_files_come_at_once(tmp_path: Path) -> None:
    files = {
        **FILES,
        "puntual.yaml": FILES["puntual.yaml"].replace("time_zone: America/", "time_zone: Amerika/"),
        "contracts/credits.odcs.yaml": "a: [",
        "models/movements.sql": "SELECT now() AS n, 1 AS one FROM card_event",
        "calendars/mx-cnbv.yaml": FILES["calendars/mx-cnbv.yaml"].replace(
            "2025-12-10\nvalid", "soon\nvalid"
        ),
    }
    with pytest.raises(ProjectError) as raised:
        read_project(write(tmp_path, files))
    assert raised.value.code == "C1000"
    found = {(c.file, c.code) for c in raised.value.complaints}
    assert found >= {
        ("puntual.yaml", "C1015"),
        ("contracts/credits.odcs.yaml", "C1003"),
        ("models/movements.sql", "C1203"),
        ("models/movements.sql", "C1206"),
        ("calendars/mx-cnbv.yaml", "C1011"),
    }


def test_a_warning_does_not_stop_a_project(tmp_path: Path) -> None:
    files = {**FILES, "checks/spare.sql": "SELECT 1 AS one"}
    project, complaints, _ = lint(write(tmp_path, files))
    assert project is not None
    assert first_lines(complaints) == ["checks/spare.sql  C1305  warning: no check uses this file"]


def test_a_folder_without_a_project_says_what_to_do(tmp_path: Path) -> None:
    project, complaints, files = lint(tmp_path)
    assert (project, files) == (None, 0)
    assert [c.code for c in complaints] == ["C1001"]
    assert "puntual init" in complaints[0].hint


def test_the_digest_changes_with_any_file_and_with_nothing_else(tmp_path: Path) -> None:
    first = read_project(write(tmp_path / "a")).digest
    assert read_project(write(tmp_path / "b")).digest == first
    other = {**FILES, "checks/orphans.sql": FILES["checks/orphans.sql"] + "-- changed\n"}
    assert read_project(write(tmp_path / "c", other)).digest != first


def test_every_code_of_a_complaint_is_in_the_catalogue(tmp_path: Path) -> None:
    broken = {path: text.replace("e", "x") for path, text in FILES.items()}
    _, complaints, _ = lint(write(tmp_path, {**broken, "puntual.yaml": FILES["puntual.yaml"]}))
    assert complaints
    assert {c.code for c in complaints} <= CODES.keys()


@pytest.mark.row("h9")
def test_a_file_that_leads_out_of_the_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.sql").write_text("SELECT 1 AS one")
    root = write(tmp_path / "project")
    (root / "models" / "evil.sql").symlink_to(tmp_path / "outside.sql")
    assert first_lines(lint(root)[1]) == [
        "models/evil.sql  C1019  the model lies outside the project"
    ]


@pytest.mark.row("h1")
def test_a_file_that_is_not_utf_8_or_too_large_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "calendars/mx-cnbv.yaml").write_bytes(b"source: ok\nweekend: \xff\n")
    (tmp_path / "checks/rules.yaml").write_bytes(b"# " + b"x" * (1 << 20))
    found = first_lines(lint(tmp_path)[1])
    assert "checks/rules.yaml  C1006  checks/rules.yaml is larger than 1 MiB" in found
    assert any(f.startswith("calendars/mx-cnbv.yaml") and "C1002" in f for f in found)


@pytest.mark.parametrize(
    "path",
    [
        "contracts/old.yaml",
        "models/x.SQL",
        "checks/x.yml",
        "checks/x.YAML",
        "checks/.x.yaml",
        "checks/sub/x.yaml",
        "policies/p.yml",
        "reports/credit_daily/emergency.SQL",
        "reports/credit_daily/old/report.yaml",
        "reports/report.yaml",
    ],
)
def test_a_file_of_rules_that_is_not_read_is_an_error(tmp_path: Path, path: str) -> None:
    complaints = lint(write(tmp_path, {**FILES, path: "x"}))[1]
    assert [(c.file, c.code, c.severity) for c in complaints] == [(path, "C1021", "error")]


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("check/x.yaml", "checks"),
        ("Checks/x.sql", "checks"),
        ("policy/p.yaml", "policies"),
        ("report/credit_daily/report.yaml", "reports"),
    ],
)
def test_a_folder_of_rules_whose_name_is_nearly_right_is_an_error_and_the_right_one_is_named(
    tmp_path: Path, path: str, near: str
) -> None:
    (complaint,) = lint(write(tmp_path, {**FILES, path: "x"}))[1]
    assert (complaint.file, complaint.code, complaint.severity) == (path, "C1021", "error")
    assert complaint.hint == f"did you mean '{near}'?"


@pytest.mark.parametrize("path", ["checks/x.yaml~", "contracts/schema.json"])
def test_another_file_that_is_not_read_is_named(tmp_path: Path, path: str) -> None:
    complaints = lint(write(tmp_path, {**FILES, path: "x"}))[1]
    assert [(c.file, c.code, c.severity) for c in complaints] == [(path, "C1021", "warning")]


@pytest.mark.parametrize(
    "path", ["checks/README.md", "checks/.x.yaml.swp", "control/x.json", "data/x.yaml"]
)
def test_notes_and_data_are_not_complained_of(tmp_path: Path, path: str) -> None:
    assert lint(write(tmp_path, {**FILES, path: "x"}))[1] == ()

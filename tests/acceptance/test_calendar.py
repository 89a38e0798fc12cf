"""`puntual calendar`: pinned files with their source; days are proposed and never decided."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.small import Ran, puntual, write_project

from puntual.cli.calendar import MARKETS
from puntual.model.report import Calendar
from puntual.planner.calendar import is_business_day
from puntual.project.calendars import SHIPPED, parse_calendar, shipped

CITED = ("--source", "DOF of 9 December 2026", "--published", "2026-12-09")


def read(name: str) -> Calendar:
    calendar, complaints = parse_calendar(name, shipped(name))
    assert calendar is not None
    assert not complaints.found
    return calendar


def needs_the_extra() -> None:
    """Skip at a desk without the package `holidays`; fail in CI, which installs it."""
    if importlib.util.find_spec("holidays") is None:
        missing = "the extra `calendars` is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("pinned"))
    assert puntual(root, "calendar", "add", "mx-cnbv").code == 0
    return root


@pytest.fixture
def root(pinned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pinned, tmp_path / "project"))


def refresh(root: Path, *more: str) -> Ran:
    needs_the_extra()
    return puntual(root, "calendar", "refresh", "mx-cnbv", *more)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_calendar_has_its_source_its_end_and_notes(name: str) -> None:
    calendar = read(name)
    assert calendar.valid_from == date(2025, 1, 1)
    assert calendar.valid_until >= date(2026, 12, 31)
    assert calendar.published <= date(2026, 11, 26)
    assert len(calendar.source) > 100
    assert "holidays 0.109" in calendar.notes


@pytest.mark.parametrize(
    ("name", "closed", "open_"),
    [
        # the business days that one gets wrong by guessing
        ("mx-cnbv", "2025-04-17 2025-12-12 2026-02-02 2026-04-03 2026-11-02", "2025-05-05"),
        ("es", "2025-01-06 2026-04-03 2026-10-12 2026-12-08", "2026-04-06 2026-12-07"),
        ("us-fed", "2025-06-19 2026-11-26 2027-07-05", "2026-07-03 2027-12-24 2027-06-18"),
    ],
)
def test_the_days_that_are_easily_got_wrong_are_right(name: str, closed: str, open_: str) -> None:
    calendar = read(name)
    assert not any(is_business_day(calendar, date.fromisoformat(d)) for d in closed.split())
    assert all(is_business_day(calendar, date.fromisoformat(d)) for d in open_.split())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_calendar_has_the_business_days_of_the_package(name: str) -> None:
    needs_the_extra()
    import holidays

    calendar, market = read(name), MARKETS[name]
    years = range(calendar.valid_from.year, calendar.valid_until.year + 1)
    is_market = market in holidays.list_supported_financial()
    make = holidays.financial_holidays if is_market else holidays.country_holidays
    theirs = set(make(market, years=years))
    span = (calendar.valid_until - calendar.valid_from).days + 1
    days = [calendar.valid_from + timedelta(days=n) for n in range(span)]
    different = [
        d for d in days
        if is_business_day(calendar, d) != (d.isoweekday() not in (6, 7) and d not in theirs)
    ]  # fmt: skip
    assert different == []


def test_a_shipped_calendar_is_copied_once_and_then_the_projects_own(root: Path) -> None:
    path = root / "calendars/mx-cnbv.yaml"
    assert path.read_text(encoding="utf-8") == shipped("mx-cnbv")
    again = puntual(root, "calendar", "add", "mx-cnbv")
    assert again.code == 2
    assert "C1503" in again.err
    path.write_text(shipped("mx-cnbv").replace("Navidad", "Ours"), encoding="utf-8")
    shown = puntual(root, "calendar", "show", "mx-cnbv", "--year", "2026").out
    assert "2026-12-25  Fri  Ours" in shown
    assert "2025-12-25" not in shown
    assert "valid      2025-01-01 to 2026-12-31" in shown


def test_a_report_that_names_a_shipped_calendar_is_told_how_to_pin_it(tmp_path: Path) -> None:
    write_project(tmp_path)
    report = tmp_path / "reports/payments_daily/report.yaml"
    text = report.read_text(encoding="utf-8").replace("calendar: mx-test", "calendar: us-fed")
    report.write_text(text, encoding="utf-8")
    wrong = puntual(tmp_path, "check")
    assert wrong.code == 2
    assert "`puntual calendar add us-fed` copies the shipped one" in wrong.out


def test_days_are_proposed_as_a_difference_and_nothing_is_written(root: Path) -> None:
    found = refresh(root)
    assert found.code == 1
    assert '-valid_until: "2026-12-31"' in found.out
    assert '+  - {date: "2027-03-26", name: Viernes Santo}' in found.out
    assert "computed by rule, which is not what the law published" in found.out
    assert (root / "calendars/mx-cnbv.yaml").read_text(encoding="utf-8") == shipped("mx-cnbv")


def test_days_that_agree_are_no_difference(root: Path) -> None:
    found = refresh(root, "--year", "2026")
    assert (found.code, found.out) == (
        0,
        " ● mx-cnbv: holidays " + found.out.split()[3] + " XMEX lists the same business days\n",
    )


def test_who_accepts_days_cites_where_the_law_has_them(root: Path) -> None:
    bare = refresh(root, "--accept")
    assert bare.code == 2
    assert "--source TEXT --published DATE" in bare.err
    assert refresh(root, "--accept", *CITED).code == 0
    path = root / "calendars/mx-cnbv.yaml"
    calendar, complaints = parse_calendar("mx-cnbv", path.read_text(encoding="utf-8"))
    assert calendar is not None
    assert not complaints.found
    assert (calendar.source, calendar.published) == (CITED[1], date(2026, 12, 9))
    assert calendar.valid_until == date(2027, 12, 31)
    assert not is_business_day(calendar, date(2027, 3, 26))
    assert set(read("mx-cnbv").holidays) < set(calendar.holidays)
    assert refresh(root, "--year", "2027").code == 0


def test_a_day_that_the_package_does_not_know_is_proposed_to_go(root: Path) -> None:
    path = root / "calendars/mx-cnbv.yaml"
    more = '  - {date: "2026-06-15", name: "a day of: our own"}\n'
    path.write_text(shipped("mx-cnbv") + more, encoding="utf-8")
    found = refresh(root, "--year", "2026")
    assert found.code == 1
    changed = [line for line in found.out.splitlines() if line[:2] in ("+ ", "- ")]
    assert changed == [f"-{more.rstrip()}"]


def test_without_the_extra_it_says_what_to_install(root: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "holidays.py").write_text("raise ModuleNotFoundError('holidays')\n")
    path = os.pathsep.join([str(hidden), *(p for p in sys.path if p)])
    told = puntual(root, "calendar", "refresh", "mx-cnbv", env={"PYTHONPATH": path})
    assert told.code == 2
    assert "C1503" in told.err
    assert "pip install 'puntual[calendars]'" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "../puntual"), "no calendar is called '../puntual'"),
        (("show", "nowhere"), "shipped one: es, mx-cnbv, us-fed"),
        (("add", "mx-test"), "no calendar is called 'mx-test'"),
        (("refresh", "mx-test"), "--market CODE"),
        (("refresh", "mx-cnbv", "--source", "x"), "--source and --published go together"),
    ],
)
def test_a_wrong_call_says_what_there_is(root: Path, words: tuple[str, ...], said: str) -> None:
    if words[0] == "refresh":
        needs_the_extra()
    told = puntual(root, "calendar", *words)
    assert told.code == 2
    assert said in told.err


@pytest.mark.row("f18")
def test_calendar_check_says_until_when_it_is_known_what_is_owed(root: Path) -> None:
    right = puntual(root, "calendar", "check", "--as-of", "2026-03-03T09:00:00-06:00")
    assert (right.code, right.out) == (
        0,
        " ● payments_daily   mx-test  of 2026-03-03 due 2026-03-04T07:00:00-06:00; "
        "known up to 2026-12-30\n",
    )
    wrong = puntual(root, "calendar", "check", "--as-of", "2027-03-03T09:00:00-06:00")
    assert wrong.code == 2
    assert "C1502" in wrong.out

"""
The real command on real bank data: days of the Berka bank, and every figure comes out.

Eighteen days here; `make berka` runs all 455.

The data lies beside the repository, in `../shared/data/berka`; without it these tests skip.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from acceptance.berka.prepare import ORIGINAL, Day, prepare
from support import warm

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not ORIGINAL.is_dir(), reason=f"the Berka data is not at {ORIGINAL}"),
]

LAST = "1994-03-31"
ALL_FROM = "1993-01-01"
FROM = os.environ.get("BERKA_FROM", "1994-03-14")
"""First day that is run; `make berka` runs them all, and only then whole figures come out."""

whole = pytest.mark.skipif(FROM != ALL_FROM, reason="a figure of all 455 days: make berka")
MORNING_AFTER = "1994-04-01T05:00:00+02:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Berka:
    """The project after all its days, and how its runs ended."""

    root: Path
    days: dict[str, Day]
    backfill: subprocess.CompletedProcess[str]
    last: subprocess.CompletedProcess[str]

    def puntual(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call the command on the project."""
        return puntual(self.root, *arguments)

    def answer(self, *arguments: str) -> Any:
        """Return the data of a command's JSON answer."""
        return json.loads(self.puntual(*arguments, "--json").stdout)["data"]

    def rows(self, sql: str) -> list[list[str | None]]:
        """Return the rows of a query over the curated data of all days."""
        found: list[list[str | None]] = self.answer("query", sql, "--unmask")["rows"]
        return found


def puntual(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run(["-C", str(root), *arguments], dict(os.environ), seconds=7200)


@pytest.fixture(scope="module")
def berka(tmp_path_factory: pytest.TempPathFactory) -> Berka:
    root = tmp_path_factory.mktemp("berka")
    days = prepare(root)
    at = ("--as-of", MORNING_AFTER, "--json")
    backfill = puntual(root, "run", "-d", f"{FROM}..1994-03-30", *at)
    last = puntual(root, "run", "-d", LAST, *at)
    return Berka(root=root, days=days, backfill=backfill, last=last)


def deliveries(run: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run.stdout)["data"]["deliveries"]
    return found


@pytest.mark.row("f71")
def test_every_past_day_is_delivered_in_full_and_late(berka: Berka) -> None:
    made = deliveries(berka.backfill)

    assert len(made) == (date(1994, 3, 31) - date.fromisoformat(FROM)).days
    assert {(d["state"], d["completeness"], d["timeliness"]) for d in made} == {
        ("sent", "full", "late")
    }
    assert berka.backfill.returncode == 5, berka.backfill.stderr


def test_the_last_day_is_delivered_in_full_and_on_time_with_exceptions(berka: Berka) -> None:
    (made,) = deliveries(berka.last)

    assert (made["state"], made["completeness"], made["timeliness"]) == ("sent", "full", "on_time")
    assert int(made["exceptions"]) > 0
    assert berka.last.returncode == 0, berka.last.stderr


@whole
def test_every_transaction_and_every_heller_is_there(berka: Berka) -> None:
    found = berka.rows(
        "SELECT count(*), sum(amount), sum(balance), count(DISTINCT account_id), "
        "count(DISTINCT trans_id), count(DISTINCT reference_date) FROM trans"
    )

    assert found == [["49102", "315486449.80", "1712418775.60", "1229", "49102", "455"]]


@whole
def test_the_types_come_to_what_the_readme_says(berka: Berka) -> None:
    found = berka.rows("SELECT type, count(*), sum(amount) FROM trans GROUP BY type ORDER BY type")

    assert found == [
        ["PRIJEM", "22994", "177366296.30"],
        ["VYBER", "651", "7988521.00"],
        ["VYDAJ", "25457", "130131632.50"],
    ]


@whole
@pytest.mark.row("f41")
def test_two_spellings_of_empty_are_one_null_and_a_blank_is_a_value(berka: Berka) -> None:
    found = berka.rows(
        "SELECT count(*) - count(operation), count(*) - count(k_symbol), "
        "count(*) FILTER (WHERE k_symbol = ' '), count(*) - count(bank), "
        "count(*) - count(partner_account), "
        "count(*) FILTER (WHERE operation = '' OR k_symbol = '' OR bank = '' "
        "OR partner_account = '') FROM trans"
    )

    assert found == [["9463", "26197", "1677", "38987", "38224", "0"]]


@whole
def test_the_model_reads_a_blank_symbol_as_none(berka: Berka) -> None:
    found = berka.rows(
        "SELECT coalesce(symbol, 'none'), count(*) FROM movements GROUP BY ALL ORDER BY 2 DESC"
    )

    assert found == [
        ["none", str(26197 + 1677)],
        ["UROK", "9463"],
        ["SLUZBY", "5445"],
        ["SIPO", "3719"],
        ["DUCHOD", "1770"],
        ["POJISTNE", "644"],
        ["UVER", "123"],
        ["SANKC. UROK", "64"],
    ]


def test_the_loans_are_whole_and_those_granted_so_far_are_told_apart(berka: Berka) -> None:
    found = berka.rows(
        "SELECT count(*), sum(amount), count(*) FILTER (WHERE granted), "
        f"sum(amount) FILTER (WHERE granted) FROM loans WHERE reference_date = DATE '{LAST}'"
    )
    by_status = berka.rows(
        f"SELECT status, sum(amount) FROM loan WHERE reference_date = DATE '{LAST}' "
        "GROUP BY status ORDER BY status"
    )

    assert found == [["682", "103261740.00", "38", "4656396.00"]]
    assert by_status == [
        ["A", "18603216.00"],
        ["B", "4362348.00"],
        ["C", "69078372.00"],
        ["D", "11217804.00"],
    ]


def test_a_question_mark_is_a_figure_nobody_knows(berka: Berka) -> None:
    found = berka.rows(
        "SELECT name, unemployment_1995, crimes_1995 FROM districts "
        f"WHERE reference_date = DATE '{LAST}' AND crimes_1995 IS NULL"
    )

    assert found == [["Jesenik", None, None]]


def test_each_day_counts_what_was_counted_without_puntual(berka: Berka) -> None:
    found = berka.answer(
        "query",
        "SELECT strftime(reference_date, '%Y%m%d'), count(*), sum(amount) FROM trans "
        "GROUP BY 1 ORDER BY 1",
        "--limit",
        "1000",
        "--unmask",
    )["rows"]
    counted = {
        name: (sum(line.endswith(b"\r\n") for line in day.lines), day.amount)
        for name, day in berka.days.items()
        if name >= FROM.replace("-", "")
    }

    assert {name: (int(n), Decimal(amount)) for name, n, amount in found} == counted


def exceptions_of_the_last_day(berka: Berka) -> dict[str, Any]:
    found = berka.answer("exceptions", "-d", LAST)["exceptions"]
    return {f"{e['class']} {e['about']}": e for e in found}


@pytest.mark.row("f38")
def test_the_cut_last_line_is_in_quarantine_with_its_position(berka: Berka) -> None:
    header, whole = 1, 2105

    cut = exceptions_of_the_last_day(berka)["quarantined trans"]

    assert (cut["reason"], cut["rows"]) == ("cut_off", "1")
    assert [place["position"] for place in cut["sample"]] == [str(header + whole + 1)]


def test_a_type_that_the_guide_does_not_know_is_a_finding_and_stays(berka: Berka) -> None:
    lines = berka.days["19940331"].lines
    unknown = [n for n, line in enumerate(lines, start=2) if b'"VYBER"' in line.split(b";")[3]]

    finding = exceptions_of_the_last_day(berka)["check type_documented"]

    assert finding["rows"] == str(len(unknown)) == "5"
    assert finding["amounts"] == {"amount": "30108.00"}
    assert [place["position"] for place in finding["sample"]] == [str(n) for n in unknown]

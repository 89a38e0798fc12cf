"""The example bank: its data is the same every time and ties to the cent; its demo delivers."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft201909Validator
from ruamel.yaml import YAML
from support.spanish import english_in

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "credit-report"
CONTRACTS = sorted(EXAMPLE.glob("contracts/*.yaml")) + sorted(
    (Path(__file__).parent / "berka" / "project").glob("contracts/*.yaml")
)


def generate(into: Path, seed: int = 42) -> Path:
    command = [sys.executable, str(EXAMPLE / "generate.py")]
    subprocess.run(
        [*command, "--seed", str(seed), "--into", str(into)], check=True, capture_output=True
    )
    return into


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("bank"))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def events(bank: Path, day: str) -> list[dict[str, Any]]:
    text = (bank / f"data/card_events/{day}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def branch_rows(bank: Path, day: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for path in sorted(bank.glob(f"inbox/branch_{day.replace('-', '')}_*.csv")):
        text = path.read_bytes().decode("latin-1")
        rows += csv.DictReader(text.splitlines(), delimiter=";")
    return rows


def pesos(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))


def business_days(bank: Path) -> list[str]:
    return sorted(path.stem for path in bank.glob("data/card_events/*.jsonl"))


def control(bank: Path, name: str, day: str) -> tuple[int, Decimal]:
    path = bank / f"control/{name}_{day.replace('-', '')}.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    return int(record["count"]), Decimal(record["sums"]["amount"])


def test_one_seed_makes_the_same_bytes_and_another_does_not(bank: Path, tmp_path: Path) -> None:
    again, other = generate(tmp_path / "again"), generate(tmp_path / "other", seed=7)

    assert digests(again) == digests(bank)
    assert digests(other).keys() == digests(bank).keys()
    assert digests(other)["data/core.db"] != digests(bank)["data/core.db"]


def test_there_are_thirty_business_days_and_none_of_them_is_a_holiday(bank: Path) -> None:
    calendar = YAML(typ="safe", pure=True).load(EXAMPLE / "calendars" / "mx-example.yaml")
    holidays = {holiday["date"] for holiday in calendar["holidays"]}

    assert len(business_days(bank)) == 35
    assert not holidays & set(business_days(bank))
    assert {"2026-11-02", "2026-11-16"} <= holidays


def test_the_control_record_of_the_stream_counts_what_was_sent_in_time(bank: Path) -> None:
    for day in business_days(bank):
        sent = [Decimal(e["amount"]) for e in events(bank, day) if e["posted_on"] == day]

        assert (len(sent), sum(sent)) == control(bank, "card_events", day), day


def test_every_day_has_repeats_or_late_events_and_refunds_with_a_minus_sign(bank: Path) -> None:
    all_events = [(day, e) for day in business_days(bank) for e in events(bank, day)]
    sent = Counter(e["event_id"] for _, e in all_events)
    late = [e for day, e in all_events if e["posted_on"] < day]
    refunds = [Decimal(e["amount"]) for _, e in all_events if e["kind"] == "REFUND"]

    assert sum(count == 2 for count in sent.values()) > 35
    assert max(sent.values()) == 2
    assert len(late) > 20
    assert refunds
    assert max(refunds) < 0


def test_month_end_and_payday_are_peaks(bank: Path) -> None:
    usual = len(events(bank, "2026-11-19"))

    assert len(events(bank, "2026-10-30")) > 2 * usual
    assert len(events(bank, "2026-11-13")) > 1.4 * usual


def test_one_branch_file_of_one_day_is_two_lines_short(bank: Path) -> None:
    short = {}
    for day in business_days(bank):
        count, _ = control(bank, "branch", day)
        if missing := count - len(branch_rows(bank, day)):
            short[day] = missing
    name = "branch_20261119_014.csv"
    whole = (bank / "data/corrections" / name).read_bytes()

    assert short == {"2026-11-19": 2}
    assert whole.startswith((bank / "inbox" / name).read_bytes())


def test_the_branches_say_of_each_file_what_it_holds_and_one_holds_less(bank: Path) -> None:
    short = {}
    for day in business_days(bank):
        compact = day.replace("-", "")
        record = json.loads((bank / f"control/branch_{compact}.json").read_text(encoding="utf-8"))
        said = {n: (int(p["count"]), p["sums"]["amount"]) for n, p in record["parts"].items()}
        sent = {path.name: path for path in bank.glob(f"inbox/branch_{compact}_*.csv")}

        assert said.keys() == sent.keys()
        assert sum(count for count, _ in said.values()) == int(record["count"])
        assert sum(Decimal(a) for _, a in said.values()) == Decimal(record["sums"]["amount"])
        for name, path in sent.items():
            lines = path.read_bytes().decode("latin-1").splitlines()
            rows = list(csv.DictReader(lines, delimiter=";"))
            readable = [r["importe"] for r in rows if "O" not in r["importe"]]
            if (len(rows), str(sum(map(pesos, readable)))) != said[name]:
                short[name] = said[name][0] - len(rows)

    assert short == {"branch_20261119_014.csv": 2}


def test_what_the_core_posted_is_what_cards_and_branches_sent(bank: Path) -> None:
    core = sqlite3.connect(bank / "data/core.db")
    known = {client for (client,) in core.execute("SELECT DISTINCT client_id FROM clients")}
    for day in business_days(bank):
        if day in ("2026-11-18", "2026-11-19"):
            continue  # unreadable lines and a short file, on purpose
        cards = {e["event_id"]: e for e in events(bank, day) if e["posted_on"] == day}
        seen = [e for e in cards.values() if e["client_id"] in known]
        moved = sum((Decimal(e["amount"]) for e in seen), Decimal(0))
        moved += sum(pesos(row["importe"]) for row in branch_rows(bank, day))
        query = "SELECT day_movement FROM credits WHERE snapshot_date = ?"

        assert moved == sum(Decimal(m) for (m,) in core.execute(query, (day,))), day
    core.close()


def test_balances_roll_forward_and_make_the_ledger(bank: Path) -> None:
    core = sqlite3.connect(bank / "data/core.db")
    balances: dict[tuple[str, str], Decimal] = {}
    query = (
        "SELECT snapshot_date, product, opening_balance, disbursed, day_movement, late_movement, "
        "balance FROM credits"
    )
    for day, product, *amounts in core.execute(query):
        opening, disbursed, movement, late, balance = map(Decimal, amounts)
        assert balance == opening + disbursed + movement + late
        balances[day, product] = balances.get((day, product), Decimal(0)) + balance
    ledger = core.execute("SELECT snapshot_date, product, balance FROM ledger")

    assert {(day, product): Decimal(b) for day, product, b in ledger} == balances
    core.close()


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_keeps_the_published_schema(path: Path) -> None:
    text = (files("open_data_contract_standard") / "schema.json").read_text(encoding="utf-8")
    contract = YAML(typ="safe", pure=True).load(path)

    assert list(Draft201909Validator(json.loads(text)).iter_errors(contract)) == []


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder in which the demo was played, and what it printed."""
    folder = tmp_path_factory.mktemp("played") / "demo"
    demo = subprocess.run(
        [sys.executable, str(EXAMPLE / "demo.py"), "--into", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    return folder, demo.stdout


@pytest.mark.timeout(300)
def test_the_demo_delivers_four_days_one_in_part_first_and_holds_one(
    played: tuple[Path, str],
) -> None:
    folder, printed = played
    status = subprocess.run(
        [str(Path(sys.executable).with_name("puntual")), "status", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = {
        (d["report"], d["reference_date"], d["version"]): (d["state"], d["completeness"])
        for d in json.loads(status.stdout)["data"]["deliveries"]
    }
    held = {key[:2] for key, how in shown.items() if how == ("held", None)}
    part = {key for key, how in shown.items() if how == ("superseded", "partial")}
    full = {key[:2] for key, how in shown.items() if how == ("sent", "full")}

    assert held == {("credit_daily", "2026-11-19"), ("arrears_daily", "2026-11-19")}
    assert part == {(name, "2026-11-13", 1) for name in ("credit_daily", "arrears_daily")}
    assert len(full) == 8
    assert len(shown) == 12
    assert "✕ branch_20261119_014.csv  lacks 2 rows\n" in printed
    notice = (folder / "out/credit_daily_20261113_v1.notice.es.txt").read_text()
    notices = sorted((folder / "out").glob("*.notice.es.*"))
    assert {path.name: english_in(path.read_text()) for path in notices} == {
        path.name: [] for path in notices
    }
    assert "parcial" in notice


def files_below(folder: Path) -> dict[str, bytes]:
    paths = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


@pytest.mark.timeout(300)
def test_a_demo_that_is_played_again_begins_as_the_first_one_did(
    played: tuple[Path, str], tmp_path: Path
) -> None:
    folder = tmp_path / "again"
    shutil.copytree(played[0], folder)
    for where in (folder, tmp_path / "first"):
        prepare = f"import demo, pathlib; demo.prepare(pathlib.Path({str(where)!r}))"
        subprocess.run([sys.executable, "-c", prepare], cwd=EXAMPLE, check=True)

    assert files_below(folder) == files_below(tmp_path / "first")

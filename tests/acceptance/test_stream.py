"""A stream through the real commands: put, landed once, late records kept out of a sealed day."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.small import CONTRACT, DAY, SETTINGS, puntual, run_day, write_project

STREAM = """\
sources:
  payments:
    kind: stream
    stream: payments
    control: {file: "control/payments_{reference_date:%Y%m%d}.json"}
"""


def _project(root: Path) -> None:
    head, _, tail = SETTINGS.partition("sources:\n")
    _, _, rest = tail.partition("models:\n")
    contract = CONTRACT.replace('{type: csv, delimiter: ";"}', "{type: jsonl}")
    files = {
        "puntual.yaml": head + STREAM + "models:\n" + rest,
        "contracts/payments.odcs.yaml": contract,
    }
    write_project(root, **files)
    made = puntual(root, "stream", "create", "--stream", "payments", "--shards", "3")
    assert made.code == 0, made.err


def _line(number: int, amount: str, day: str = DAY) -> str:
    payment = {"payment_id": f"p{number}", "client_id": f"c{number % 7}", "amount": amount}
    return json.dumps(payment | {"paid_on": day})


def _put(root: Path, lines: list[str], at: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "puntual.cli.main", "-C", str(root), "stream", "put"),
            *("--stream", "payments", "--key", "client_id", "--as-of", at),
        ],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _vouch(root: Path, count: int, amount: str, day: str = DAY) -> None:
    path = root / "control" / f"payments_{day.replace('-', '')}.json"
    path.parent.mkdir(exist_ok=True)
    record = {"source": "payments", "reference_date": day, "count": str(count)}
    path.write_text(json.dumps(record | {"sums": {"amount": amount}}))


def _rows(root: Path, sql: str) -> object:
    return puntual(root, "query", sql, "--json", "--unmask").data["rows"]


def test_a_day_of_a_stream_is_delivered_from_every_shard(tmp_path: Path) -> None:
    _project(tmp_path)
    _put(tmp_path, [_line(n, "1.10") for n in range(100)], "2026-03-02T22:00:00-06:00")
    _vouch(tmp_path, 100, "110.00")
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err
    assert _rows(tmp_path, "SELECT count(*), sum(amount) FROM payments") == [["100", "110.00"]]


@pytest.mark.row("f20")
def test_records_put_between_two_runs_are_landed_once_and_none_is_skipped(tmp_path: Path) -> None:
    _project(tmp_path)
    _put(tmp_path, [_line(n, "1.00") for n in range(60)], "2026-03-02T21:00:00-06:00")
    _vouch(tmp_path, 100, "100.00")
    assert run_day(tmp_path).code == 1
    _put(tmp_path, [_line(n, "1.00") for n in range(60, 100)], "2026-03-02T22:00:00-06:00")
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err
    asked = "SELECT count(*), count(DISTINCT payment_id), sum(amount) FROM payments"
    assert _rows(tmp_path, asked) == [["100", "100", "100.00"]]


@pytest.mark.row("f31")
def test_a_record_that_comes_after_its_day_was_sealed_does_not_enter_it(tmp_path: Path) -> None:
    _project(tmp_path)
    _put(tmp_path, [_line(1, "5.00")], "2026-03-02T21:00:00-06:00")
    _vouch(tmp_path, 1, "5.00")
    assert run_day(tmp_path).code == 0
    late = [_line(2, "7.00"), _line(3, "9.00", "2026-03-03")]
    _put(tmp_path, late, "2026-03-03T21:00:00-06:00")
    _vouch(tmp_path, 1, "9.00", "2026-03-03")
    done = run_day(tmp_path, day="2026-03-03", as_of="2026-03-04T05:00:00-06:00")
    assert done.code == 0, done.out + done.err
    by_day = "SELECT reference_date, sum(amount) FROM payments GROUP BY 1 ORDER BY 1"
    assert _rows(tmp_path, by_day) == [["2026-03-02", "5.00"], ["2026-03-03", "9.00"]]
    found = puntual(tmp_path, "exceptions", "-d", "2026-03-03", "--json").data["exceptions"]
    assert isinstance(found, list)
    (named,) = [e for e in found if e["class"] == "late"]
    assert (named["code"], named["rows"]) == ("S2011", "1")


@pytest.mark.row("f21")
def test_a_record_that_is_no_json_is_quarantined_and_the_stream_goes_on(tmp_path: Path) -> None:
    _project(tmp_path)
    lines = [_line(1, "5.00"), "this is no json", _line(2, "6.00")]
    _put(tmp_path, lines, "2026-03-02T21:00:00-06:00")
    _vouch(tmp_path, 3, "11.00")
    assert run_day(tmp_path).code == 1
    found = puntual(tmp_path, "exceptions", "-d", DAY, "--json").data["exceptions"]
    assert isinstance(found, list)
    (quarantined,) = [e for e in found if e["class"] == "quarantined"]
    assert (quarantined["reason"], quarantined["rows"]) == ("not_json", "1")
    assert _rows(tmp_path, "SELECT count(*), sum(amount) FROM payments") == [["2", "11.00"]]

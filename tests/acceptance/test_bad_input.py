"""Each kind of bad input has its name, is kept and counted, and never passes for right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.small import (
    DAY,
    ROWS,
    Ran,
    drop,
    good_day,
    only_delivery,
    puntual,
    run_day,
    vouch,
    write_project,
)


def _exceptions(root: Path) -> list[dict[str, object]]:
    found = puntual(root, "exceptions", "-d", DAY, "--json").data["exceptions"]
    assert isinstance(found, list)
    return found


def _reasons(done: Ran) -> str:
    delivery = only_delivery(done)
    return " | ".join(f"{r['code']} {r['sentence']}" for r in delivery["reasons"])


def _raw(root: Path) -> list[bytes]:
    folder = root / ".puntual" / "lake" / "raw"
    return [p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()]


@pytest.mark.row("f38")
def test_a_half_written_file_is_not_landed_until_its_marker_comes(tmp_path: Path) -> None:
    write_project(tmp_path)
    path = drop(tmp_path, ROWS[:2], marker=False)
    vouch(tmp_path, 4, "330.35")
    held = run_day(tmp_path, "--json")
    assert held.code == 1
    assert "S2001" in _reasons(held)
    assert path.read_bytes() not in _raw(tmp_path)
    drop(tmp_path)
    assert run_day(tmp_path).code == 0


@pytest.mark.row("f21")
def test_a_page_of_html_named_csv_is_refused_and_kept(tmp_path: Path) -> None:
    write_project(tmp_path)
    path = drop(tmp_path)
    page = b"<!DOCTYPE html>\n<html><title>403 Forbidden</title></html>\n"
    path.write_bytes(page)
    vouch(tmp_path, 4, "330.35")
    held = run_day(tmp_path, "--json")
    assert held.code == 1, held.out + held.err
    assert "S2003" in _reasons(held)
    assert page in _raw(tmp_path)


@pytest.mark.row("f39")
def test_the_same_file_twice_is_landed_once(tmp_path: Path) -> None:
    good_day(tmp_path)
    first = drop(tmp_path)
    again = first.with_name("payments_20260302_again.csv")
    shutil.copy(first, again)
    again.with_name(again.name + ".ok").touch()
    done = run_day(tmp_path, "--json")
    shown = puntual(tmp_path, "query", "SELECT count(*) FROM payments", "--json")
    assert shown.data["rows"] == [["4"]]
    assert "S2004" in _reasons(done) or any(e["code"] == "S2004" for e in _exceptions(tmp_path))


@pytest.mark.row("f39")
def test_yesterdays_file_under_todays_name_is_refused(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path, tuple(r.replace("2026-03-02", "2026-03-01") for r in ROWS))
    vouch(tmp_path, 4, "330.35")
    held = run_day(tmp_path, "--json")
    assert held.code == 1, held.out + held.err
    assert "S2005" in _reasons(held)


@pytest.mark.row("f40")
def test_a_file_with_another_header_is_refused_with_the_difference(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path, header="payment_id;client;amount;paid_on")
    vouch(tmp_path, 4, "330.35")
    held = run_day(tmp_path, "--json")
    assert held.code == 1, held.out + held.err
    assert "S2006" in _reasons(held)


@pytest.mark.row("f38")
def test_a_cut_off_last_line_is_quarantined_with_its_position(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path, (*ROWS, 'p5;"c'), end="")
    vouch(tmp_path, 5, "330.35")
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    (cut,) = [e for e in _exceptions(tmp_path) if e["reason"] == "cut_off"]
    assert cut["sample"][0]["position"] == "6"  # type: ignore[index]
    assert b'p5;"c' in b"".join(_raw(tmp_path))


@pytest.mark.row("f21")
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("p5;c3;1.234;2026-03-02", "not_a_decimal"),
        ("p5;c3;1e2x;2026-03-02", "not_a_decimal"),
        ("p5;c3;;2026-03-02", "required"),
        (";c3;1.00;2026-03-02", "required"),
        ("p5;c3;1.00;2026-02-30", "not_a_date"),
        ("p5;c3;1.00", "wrong_columns"),
        ("p5;c3;1.00;2026-03-02;more", "wrong_columns"),
        ('p5;"c3;1.00;2026-03-02', "bad_quotes"),
        ("p5;c3;1.00;2026-03-03", "later_day"),
    ],
)
def test_a_record_that_does_not_fit_is_kept_counted_and_named(
    tmp_path: Path, row: str, reason: str
) -> None:
    write_project(tmp_path)
    drop(tmp_path, (*ROWS[:2], row, *ROWS[2:]))
    vouch(tmp_path, 5, "330.35")
    assert run_day(tmp_path).code == 1
    (found,) = [e for e in _exceptions(tmp_path) if e["class"] == "quarantined"]
    assert (found["reason"], found["rows"]) == (reason, "1")
    assert found["sample"][0]["position"] == "4"  # type: ignore[index]


@pytest.mark.row("f44")
def test_an_invalid_byte_costs_its_own_line_only(tmp_path: Path) -> None:
    write_project(tmp_path)
    path = drop(tmp_path, (*ROWS[:2], "p5;c\xe9;1.00;2026-03-02", *ROWS[2:]))
    path.write_bytes(path.read_bytes().replace("\xe9".encode(), b"\xe9"))
    vouch(tmp_path, 5, "330.35")
    assert run_day(tmp_path).code == 1
    (found,) = [e for e in _exceptions(tmp_path) if e["class"] == "quarantined"]
    assert (found["reason"], found["sample"][0]["position"]) == ("bad_encoding", "4")  # type: ignore[index]
    shown = puntual(
        tmp_path, "query", "SELECT count(*), sum(amount) FROM payments", "--json", "--unmask"
    )
    assert shown.data["rows"] == [["4", "330.35"]]


@pytest.mark.row("f31")
def test_a_record_of_an_earlier_day_is_late_kept_and_not_in_the_report(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path, (*ROWS, "p9;c1;5.00;2026-02-27"))
    vouch(tmp_path, 5, "335.35")
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err
    assert (tmp_path / "out/payments_daily_20260302_v1.txt").read_text().endswith("T|2|330.35\n")
    (late,) = [e for e in _exceptions(tmp_path) if e["class"] == "late"]
    assert late["rows"] == "1"


@pytest.mark.row("h16")
def test_messages_name_codes_and_places_and_no_value_of_a_row(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path, (*ROWS, "p5;CANARY-7731;1.2.3;2026-03-02"))
    vouch(tmp_path, 5, "330.35")
    done = run_day(tmp_path)
    shown = puntual(tmp_path, "exceptions", "-d", DAY)
    why = puntual(tmp_path, "explain", "payments_daily", "-d", DAY)
    everything = done.out + done.err + shown.out + shown.err + why.out + why.err
    assert "CANARY" not in everything
    assert "CANARY" not in "".join(
        p.read_text(errors="replace") for p in (tmp_path / ".puntual").rglob("*.json")
    )

"""h6, h7, h8: what a source wrote is kept as it is, and harmless where a person reads it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from core.evidence.test_package import CLAIMS, ENTRIES
from core.project.base import edited, shown
from support.shared import shared
from support.small import DAY, drop, puntual, run_day, vouch, write_project

from puntual.evidence.text import exceptions_text
from puntual.local.drop import shown as file_name
from puntual.model.report import Field, Layout
from puntual.model.shown import no_formula, printable
from puntual.render.layout import lay_out
from puntual.render.readback import compare, read_back
from puntual.render.templates import FileFacts

TROJAN = {
    "bidi": "access\u202e\u2066// admin\u2069\u2066",
    "zero width": "p\u200bay\u200dme\ufeffnt",
    "ansi": "\x1b[2J\x1b[31mVERIFIED\x1b[0m",
    "8-bit control": "\x9b31m",
    "line ends": "one\r\ntwo\u2028three\x85four",
    "nul": "a\0b",
    "half a pair": "\ud800",
    "tag": "\U000e0041",
}


@pytest.mark.row("h7", "h8", "f44")
@pytest.mark.parametrize("text", TROJAN.values(), ids=TROJAN)
def test_a_character_that_hides_moves_or_reverses_others_is_shown_as_an_escape(text: str) -> None:
    seen = printable(text)
    assert seen.isprintable()
    assert seen.encode().isascii() or text.isprintable()
    assert printable("Peña, José 漢字 ✓ — 10 €") == "Peña, José 漢字 ✓ — 10 €"


@pytest.mark.row("h6", "h7", "h8", "f44")
def test_no_naughty_string_reaches_a_terminal_or_a_spreadsheet_as_it_is() -> None:
    naughty = json.loads(shared("blns/blns.json").read_text(encoding="utf-8"))
    assert len(naughty) > 500
    for text in naughty:
        assert printable(text).isprintable()
        assert no_formula(text)[:1] not in set("=+-@\t\r\0")


@pytest.mark.row("h8")
def test_the_exceptions_text_of_a_package_has_no_control_character() -> None:
    (first, *rest) = ENTRIES
    evil = replace(first, observed=TROJAN["ansi"] + TROJAN["line ends"] + TROJAN["bidi"])
    text = exceptions_text(CLAIMS.delivery, CLAIMS.decision, (evil, *rest)).decode()
    plain = exceptions_text(CLAIMS.delivery, CLAIMS.decision, (first, *rest)).decode()
    assert "\\x1b[2J" in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") == plain.count("\n")


@pytest.mark.row("h7")
def test_a_line_of_the_project_is_shown_without_what_reverses_it(tmp_path: Path) -> None:
    said = shown(edited(tmp_path, "puntual.yaml", "kind: stream", "kind: \u202estream\u200b"))
    assert "\\u202estream\\u200b" in said
    assert "\u202e" not in said


@pytest.mark.row("h8", "h9")
def test_the_name_of_a_file_is_shown_without_control_characters() -> None:
    raw = b"payments_\xff\x1b[2J\n.csv".decode("utf-8", "surrogateescape")
    assert file_name(raw) == "payments_\\xff\\x1b[2J\\n.csv"


LAYOUT = Layout(
    kind="delimited",
    file_name="r.txt",
    detail=(Field(name="note"), Field(name="amount")),
    delimiter=";",
    quote='"',
    encoding="utf-8",
)


@pytest.mark.row("h6", "f44")
def test_the_regulators_file_holds_every_text_byte_for_byte_and_reads_back() -> None:
    naughty: list[str] = json.loads(shared("blns/blns.json").read_text(encoding="utf-8"))
    texts = ["=1+1", "@SUM(A1)", "-2", "+x", "\ttab", "x" * (1 << 20), *TROJAN.values(), *naughty]
    texts = [t for t in texts if t and t != "\ud800"]
    names, types = ("note", "amount"), ("VARCHAR", "DECIMAL(18,2)")
    columns = (tuple(texts), tuple(Decimal("-1.00") for _ in texts))
    facts = FileFacts(
        report="r", institution="i", reference_date=CLAIMS.delivery.reference_date, version=1
    )
    made = lay_out(LAYOUT, names, types, columns, facts)
    assert made.problems == ()
    assert made.data is not None
    assert made.data.startswith(b"=1+1;-1.00\n@SUM(A1);-1.00\n")
    found = read_back(LAYOUT, made.data, names, types)
    assert compare(LAYOUT, names, types, columns, facts, found) == ()
    assert found.columns[0] == tuple(texts)


EVIL = "=cmd|' /C calc'!A0", "+1+1", "\x1b[2Jx", "\u202ex", "plain"


@pytest.mark.row("h6", "h7", "h8", "f44")
def test_hostile_texts_of_a_source_are_delivered_as_they_are_and_shown_harmless(
    tmp_path: Path,
) -> None:
    write_project(tmp_path)
    rows = tuple(f"p{i};{text};1.00;{DAY}" for i, text in enumerate(EVIL))
    drop(tmp_path, rows)
    vouch(tmp_path, 5, "5.00")
    assert run_day(tmp_path).code == 0
    sql = "SELECT client_id, amount - 2 AS amount FROM payments ORDER BY payment_id"
    exact = puntual(tmp_path, "query", sql, "--json", "--unmask").data["rows"]
    assert isinstance(exact, list)
    assert [row[0] for row in exact] == list(EVIL)
    text = puntual(tmp_path, "query", sql, "--unmask").out
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\x1b[2Jx" in text
    sheet = list(
        csv.reader(io.StringIO(puntual(tmp_path, "query", sql, "--format", "csv", "--unmask").out))
    )
    assert [row[0] for row in sheet[1:3]] == ["'=cmd|' /C calc'!A0", "'+1+1"]
    assert {row[1] for row in sheet[1:]} == {"-1.00"}


@pytest.mark.row("h8", "h11")
@pytest.mark.parametrize(
    ("source", "column", "code"),
    [
        (r"\u001b[2J\r\nx", "amount", "S2021"),
        (r"\ud800", "amount", "S2021"),
        ("payments", r"\ud800", "S2020"),
        ("payments", "ámount", "S2020"),
    ],
    ids=["escape", "half a pair", "key of half a pair", "key that is not ASCII"],
)
def test_a_hostile_control_record_is_a_finding_and_stops_no_run(
    tmp_path: Path, source: str, column: str, code: str
) -> None:
    write_project(tmp_path)
    drop(tmp_path)
    control = tmp_path / "control/payments_20260302.json"
    control.parent.mkdir()
    sums = f'{{"amount":"330.35","{column}":"1"}}' if column != "amount" else "{}"
    control.write_text(
        f'{{"source":"{source}","reference_date":"{DAY}","count":"4","sums":{sums}}}',
        encoding="utf-8",
    )
    held = run_day(tmp_path)
    assert (held.code, code in held.out) == (1, True), held.out + held.err
    assert all(line.isprintable() for line in held.out.splitlines())


@pytest.mark.row("h8")
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_a_terminal_that_cannot_write_a_character_is_no_bug(tmp_path: Path, encoding: str) -> None:
    write_project(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "puntual.cli.main", "-C", str(tmp_path), "status"],
        capture_output=True, check=False,
        env={"PYTHONIOENCODING": encoding, "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

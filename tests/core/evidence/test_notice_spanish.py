"""What the program records in English the Spanish notice says in Spanish, whole or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from support.spanish import ROOMS, english_in, sentences

from puntual.checks.judge import judge
from puntual.checks.reconcile import findings_of, hop
from puntual.engines.dialect.judged import freshness
from puntual.evidence.exceptions import Exceptional, collect
from puntual.evidence.notice_said import HOLE, SENTENCES, spanish
from puntual.landing.control import Vouched
from puntual.landing.seal import Side
from puntual.landing.seal import judge as judge_seal
from puntual.model.check import Check, Fresh, NotNull, OnFail, Severity
from puntual.model.manifest import Totals
from puntual.model.seal import ControlRecord, Landed
from puntual.model.source import ControlSnapshot
from puntual.ports.engine import Offending

DAY = date(2026, 3, 2)

PIECES = frozenset(
    {
        "x7 x7: x7",  # judge: passed or failed; control: its word
        ", x7 x7",
        " of x7",
        "x7x7 rowsx7",
        "x7 hours",
        "x7 x7",
        "x7: x7 and x7 x7",
        "x7; x7 unreadable records are not in it",
        "x7records of x7",
        "x7 of x7 ",
        "x7 of x7",
        " and x7 more",
        "again with other bytes ",
        "x7 came x7after the day was sealed: x7",
        "x7 of this day",
        "is x7, not x7",
        "begins with x7",
        "has also",
        "has twice",
        "is a Parquet file that the engine cannot read",
        "has the same bytes as x7",
        "is the file of another day",
        "mostly holds another day",
        "has other columns than the contract: x7",
        "ends in the middle of its last line",
        "x7 bytes of text",
        "left out",
        "an earlier",
        "the day",
        "the report is made",
        "a count of x7, which is no whole number, against x7: residual",
        "x7 is not whole yet",
        "x7 more files or shards x7",
        "cannot be compared in full",
        "sum of x7",
        "reference date",
        "difference no answer",
        "cannot be verified",
        "compared nothing",
        "does not agree",
        "has no answer",
        "is not due",
        "x7: x7",
        "x7 x7 against x7",
        "x7 and x7",
        "x7x7 compared: x7",
        "x7; not compared: x7",
        "one that unfolds to x7",
        "x7 that differ; the x7 one was kept",
        "the newest x7 must lie within x7 before the end of the day",
    }
)
"""What is put together to sentences, that tests below or the last one say whole."""

NO_EXCEPTIONS = frozenset(
    {
        ', coalesce(sum("x7"), 0)',
        "[ -~]{1,128}",
        "[ -~]{1,255}",
        "No space left",
        "no fault was planted: no row to plant one in",
        "x7 planted faults in x7 datasetx7",
        " (x7 not applicable)",
        "x7: all seenx7",
        "x7: x7 of x7 seen, missed: x7",
        " where anything looks",
        ": all seen",
        ": all seenx7",
        "nothing looks at x7",
        "x7 x7x7",
        "x7 compared by nothing: x7",
        ": source → ",
        ": raw → ",
        " → curated",
        "the models",
        "the load",
        "seen from x7 on, and not where it is made before: x7 (x7)",
    }
)
"""What stands in these modules and comes into no exception."""


@pytest.mark.parametrize("module", ROOMS)
def test_every_sentence_that_a_room_can_record_has_one_in_spanish(module: str) -> None:
    written = set(sentences(module)) - PIECES - NO_EXCEPTIONS
    assert sorted(text for text in written if spanish(text) is None) == []


def test_a_sentence_and_its_translation_have_the_same_holes_in_the_same_order() -> None:
    for english, said in SENTENCES:
        assert HOLE.findall(english) == HOLE.findall(said), english


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ("0 rows", "0 registros"),
        ("1 of 281 rows, amount -229,163.99", "1 de 281 registros, amount -229,163.99"),
        ("0 rows, measured on 0 rows", "0 registros, medido sobre 0 registros"),
        (
            "cards_fresh has no answer: cards were used on the day itself",
            "cards_fresh no tiene respuesta: cards were used on the day itself",
        ),
        (
            "raw card_events = warehouse card_movements + warehouse branch_postings",
            "card_events en crudo = card_movements en el almacén + branch_postings en el almacén",
        ),
        (
            "no row in raw cards and warehouse cards: nothing was compared",
            "ningún registro en cards en crudo y cards en el almacén: no se comparó nada",
        ),
        (
            "sum amount -800,933.71 MXN against -348,306.63 MXN, difference -452,627.08 MXN",
            "sum amount -800,933.71 MXN contra -348,306.63 MXN, diferencia -452,627.08 MXN",
        ),
        (
            "value no answer against 3.00 MXN, difference no answer",
            "value sin respuesta contra 3.00 MXN, diferencia sin respuesta",
        ),
        (
            "S2001 a.csv is still being written; it is not landed yet; S2017 nothing came for "
            "2026-03-02, and no control record says that nothing was to come",
            "S2001 a.csv se está escribiendo todavía; aún no se recibe; S2017 no llegó nada para "
            "2026-03-02, y ningún registro de control dice que nada debía llegar",
        ),
        (
            "a.csv has other columns than the contract: lacks amount; has also b, c",
            "a.csv tiene otras columnas que el contrato: faltan amount; tiene además b, c",
        ),
        (
            "x.csv is a zip file, not text",
            "x.csv es un archivo zip, no texto",
        ),
        (
            "x.csv has the same bytes as y.csv of 2026-02-27",
            "x.csv tiene los mismos bytes que y.csv del 2026-02-27",
        ),
        (
            "2026-03-02 cannot be compared in full: a.csv: the source says 2 records, Amount 7.00, "
            "and 2 records, amount 7.00 landed, with a sum that one side only has; 31 more files "
            "or shards cannot be compared in full",
            "2026-03-02 no se puede comparar por completo: a.csv: el origen dice 2 registros, "
            "Amount 7.00, y llegó con 2 registros, amount 7.00, con una suma que solo tiene un "
            "lado; 31 archivos o fragmentos más no se pueden comparar por completo",
        ),
        ("31 more files or shards do not agree", "31 archivos o fragmentos más no cuadran"),
        (
            "control/pay.json is too large for what it should be: it has more than 8,388,608 "
            "bytes, and at most 8,388,608 are read",
            "control/pay.json es demasiado grande para lo que debería ser: tiene más de 8,388,608 "
            "bytes, y se leen a lo más 8,388,608",
        ),
        (
            "in_full: nothing sees a lost row and a changed cent (amount)",
            "in_full: nada ve un registro perdido y un centavo cambiado (amount)",
        ),
    ],
)
def test_sentences_that_are_put_together_are_said_whole(recorded: str, said: str) -> None:
    assert spanish(recorded) == said


def test_what_is_no_sentence_of_ours_is_not_half_translated() -> None:
    for strange in ("IO Error: disk full at offset 7", "the tills say 0 rows", "rows and more"):
        assert spanish(strange) is None


def _check(rule: Fresh | NotNull) -> Check:
    return Check(
        id="cards_given",
        dataset="cards",
        rule=rule,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
    )


def test_what_checks_hops_and_seals_record_is_all_said_in_spanish() -> None:
    given, fresh = _check(NotNull(columns=("a",))), _check(Fresh(column="at", max_age=timedelta(2)))
    end, _ = freshness(
        Fresh(column="at", max_age=timedelta(hours=30)),
        datetime(2026, 3, 1, tzinfo=UTC),
        reference_date=DAY,
        zone="UTC",
        is_date=False,
    )
    amounts = {"amount": Decimal("-5.10")}
    checked = [
        judge(given, Offending(rows=2, amounts=amounts), 10),
        judge(given, None, 10),
        judge(fresh, Offending(rows=0), 0),
        judge(fresh, Offending(rows=1, observed=end), 10),
    ]
    few = Totals(records=3, sums={"amount": Decimal(1)})
    many = Totals(records=5, sums={"amount": Decimal(2)})
    hops = [
        hop("cards", "source", "raw", many, few),
        hop("cards", "raw", "curated", None, few),
        hop("cards", "curated", "warehouse", many, Totals(records=5)),
    ]
    record = ControlRecord(
        source="cards", reference_date=DAY, count=5, sums={"amount": Decimal(2)}, digest="a" * 64
    )
    landed = Landed(records=3, sums={"amount": Decimal(1)}, unreadable=1)
    short, why = judge_seal(
        "cards", DAY, Side(landed=landed), Vouched(record=record), ControlSnapshot()
    )
    none, silent = judge_seal(
        "cards", DAY, Side(landed=Landed(records=0)), Vouched(), ControlSnapshot()
    )
    for seal, noticed in ((short, why), (none, silent)):
        found = (*checked, *findings_of(hops), *noticed)
        for entry in collect(Exceptional(seals={"cards": seal}, findings=found)):
            texts = (entry.reason, entry.expected, entry.observed, entry.known_by)
            for text in (*texts, entry.effect, entry.cause, *entry.missing):
                said = spanish(text) if text else ""
                assert said is not None, text
                assert english_in(said) == [], text

"""The notice says the same in both languages, escapes what came from outside, stands alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from puntual.evidence.document import Context
from puntual.evidence.exceptions import Entry, ExceptionClass
from puntual.evidence.notice import Noticed, notices
from puntual.evidence.notice_words import WORDS
from puntual.model.delivery import Completeness, Decision, DeliveryId

ENTRY = Entry(
    kind=ExceptionClass.ABSENT,
    about="cards",
    reason="<script>alert(1)</script>\x1b[31m",
    expected="unknown",
    observed="0 rows",
    effect="left out of the report by the policy",
)


def _notices(completeness: Completeness = Completeness.PARTIAL) -> dict[str, str]:
    noticed = Noticed(
        delivery=DeliveryId(report="daily", reference_date=date(2026, 3, 2), version=1),
        title='Daily "cards" & more',
        institution="Small Bank",
        decision=Decision(completeness=completeness, reasons=()),
        entries=(ENTRY,),
        context=Context(due_at=datetime(2026, 3, 3, 13, tzinfo=UTC)),
    )
    return {name: data.decode() for name, data in notices(noticed).items()}


def test_both_languages_have_every_word() -> None:
    assert WORDS["en"].keys() == WORDS["es"].keys()


def test_there_is_text_and_html_in_english_and_spanish() -> None:
    assert sorted(_notices()) == [
        "notice.en.html",
        "notice.en.txt",
        "notice.es.html",
        "notice.es.txt",
    ]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_html_runs_nothing_and_asks_nobody(language: str) -> None:
    page = _notices()[f"notice.{language}.html"]
    for forbidden in ("<script", "http:", "https:", "src=", "url(", "\x1b"):
        assert forbidden not in page
    assert "&lt;script&gt;" in page
    assert f'<html lang="{language}">' in page


def test_phrases_of_ours_are_in_spanish_in_the_spanish_notice() -> None:
    told = _notices()["notice.es.txt"]
    assert "omitido del reporte según la política" in told
    assert "0 registros" in told
    assert "unknown" not in told


def test_our_sentences_are_said_in_spanish_and_words_of_others_as_they_were_recorded() -> None:
    rule = Entry(
        kind=ExceptionClass.CHECK,
        about="cards_fresh",
        code="Q2002",
        reason="cards_fresh has no answer: cards were used on the day itself",
        observed="measured on 0 rows",
        cause="T3001 the disk is full",
    )
    noticed = Noticed(
        delivery=DeliveryId(report="daily", reference_date=date(2026, 3, 2), version=1),
        title="Daily",
        institution="Small Bank",
        decision=Decision(completeness=Completeness.PARTIAL, reasons=()),
        entries=(rule,),
        context=Context(due_at=datetime(2026, 3, 3, 13, tzinfo=UTC)),
    )
    told = notices(noticed)["notice.es.txt"].decode()
    assert "cards_fresh no tiene respuesta: cards were used on the day itself" in told
    assert "medido sobre 0 registros" in told
    assert "como se registró: «T3001 the disk is full»" in told
    english = notices(noticed)["notice.en.txt"].decode()
    assert "  T3001 the disk is full\n" in english


def test_an_emergency_that_was_never_rehearsed_says_so() -> None:
    told = _notices(Completeness.EMERGENCY)["notice.en.txt"]
    assert "It was never made beside a full report." in told

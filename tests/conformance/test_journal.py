"""Every promise of `Journal`, kept by each store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.s3 import Faults

from puntual.aws.bucket import Bucket
from puntual.aws.journal import S3Journal
from puntual.local.journal import SqliteJournal
from puntual.model.delivery import Completeness, Delivery, DeliveryId, Reason, State, Timeliness
from puntual.ports.journal import Journal, StepEvent

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
MEXICO = timezone(timedelta(hours=-6))
HELD = Delivery(
    id=DeliveryId(report="credit_daily", reference_date=FRIDAY, version=1),
    state=State.HELD,
    completeness=None,
    timeliness=Timeliness.AT_RISK,
    due_at=datetime(2026, 11, 23, 7, 0, tzinfo=MEXICO),
    reasons=(Reason(code="S2001", about="card_events", sentence="Año: 3 records are missing."),),
)
DONE = StepEvent(
    run="r1",
    reference_date=FRIDAY,
    step="land:credits",
    outcome="done",
    seconds=1.25,
    at=datetime(2026, 11, 21, 8, 0, tzinfo=UTC),
    summary="matched",
    facts={"records": "12"},
)


class JournalSuite:
    """Every promise of Journal; subclass it with a `journal` and an `again` fixture."""

    def test_a_delivery_comes_back_as_it_was_saved(
        self, journal: Journal, again: Callable[[], Journal]
    ) -> None:
        sent = replace(
            HELD,
            id=replace(HELD.id, version=2),
            state=State.SENT,
            completeness=Completeness.FULL,
            sent_at=datetime(2026, 11, 23, 12, 59, 1, 5, tzinfo=UTC),
            file_name="credit_20261120_v2.txt",
            sha256="a" * 64,
            reasons=(),
            exceptions=3,
        )
        journal.save(HELD)
        journal.save(sent)
        assert again().deliveries() == (sent, HELD)

    def test_a_delivery_is_replaced_by_its_id(self, journal: Journal) -> None:
        journal.save(HELD)
        journal.save(replace(HELD, state=State.READY, reasons=()))
        (found,) = journal.deliveries()
        assert found.state is State.READY

    def test_deliveries_come_newest_day_and_version_first(self, journal: Journal) -> None:
        for day, version in ((FRIDAY, 1), (MONDAY, 1), (FRIDAY, 2)):
            journal.save(replace(HELD, id=replace(HELD.id, reference_date=day, version=version)))
        found = [(d.id.reference_date, d.id.version) for d in journal.deliveries()]
        assert found == [(MONDAY, 1), (FRIDAY, 2), (FRIDAY, 1)]

    def test_deliveries_are_chosen_by_report_and_day(self, journal: Journal) -> None:
        other = replace(HELD, id=replace(HELD.id, report="arrears"))
        monday = replace(HELD, id=replace(HELD.id, reference_date=MONDAY))
        for delivery in (HELD, other, monday):
            journal.save(delivery)
        assert journal.deliveries(report="arrears") == (other,)
        assert journal.deliveries(report="credit_daily", reference_date=FRIDAY) == (HELD,)
        assert journal.deliveries(reference_date=date(2026, 1, 1)) == ()

    def test_steps_come_in_the_order_they_happened(self, journal: Journal) -> None:
        events = (DONE, replace(DONE, run="r2", outcome="skipped"), replace(DONE, step="decide:x"))
        for event in events:
            journal.record(event)
        journal.record(replace(DONE, reference_date=MONDAY))
        assert journal.steps(FRIDAY) == events

    def test_an_instant_without_a_zone_is_refused(self, journal: Journal) -> None:
        with pytest.raises(ValueError, match="zone"):
            journal.record(replace(DONE, at=datetime(2026, 11, 21, 8, 0)))  # noqa: DTZ001

    def test_a_delivery_is_replaced_only_in_the_states_that_are_named(
        self, journal: Journal
    ) -> None:
        note = replace(HELD, state=State.COLLECTING)
        assert journal.save(note, replacing=frozenset())  # there was none
        assert not journal.save(replace(note, exceptions=1), replacing=frozenset())
        assert journal.save(HELD, replacing=frozenset({State.COLLECTING}))
        assert not journal.save(note, replacing=frozenset({State.COLLECTING}))
        assert journal.deliveries() == (HELD,)


class TestSqlite(JournalSuite):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[SqliteJournal]:
        with closing(SqliteJournal(tmp_path / "journal.db")) as opened:
            yield opened

    @pytest.fixture
    def again(self, tmp_path: Path) -> Iterator[Callable[[], Journal]]:
        with ExitStack() as opened:
            yield lambda: opened.enter_context(closing(SqliteJournal(tmp_path / "journal.db")))

    def test_a_journal_that_was_given_up_opens_again(self, journal: SqliteJournal) -> None:
        journal.close()
        journal.record(DONE)
        assert journal.steps(FRIDAY) == (DONE,)


class TestS3(JournalSuite):
    @pytest.fixture
    def journal(self, lake: Bucket) -> S3Journal:
        return S3Journal(lake.below("journal"))

    @pytest.fixture
    def again(self, lake: Bucket) -> Callable[[], Journal]:
        return lambda: S3Journal(lake.below("journal"))

    def test_outcomes_of_two_functions_at_once_are_all_kept(
        self, journal: S3Journal, again: Callable[[], Journal]
    ) -> None:
        other = again()
        for _ in range(3):
            journal.record(DONE)
            other.record(DONE)
        assert journal.steps(FRIDAY) == (DONE,) * 6

    @pytest.mark.row("f65")
    def test_o7_an_outcome_whose_answer_was_lost_is_kept_once(
        self, journal: S3Journal, injected: Faults
    ) -> None:
        injected.lose("PutObject")
        journal.record(DONE)
        assert journal.steps(FRIDAY) == (DONE,)

    def test_o3_a_delivery_that_another_saved_meanwhile_is_looked_at_again(
        self, journal: S3Journal, injected: Faults
    ) -> None:
        note, sent = replace(HELD, state=State.COLLECTING), replace(HELD, state=State.SENT)
        journal.save(note)
        injected.meanwhile("PutObject", lambda: journal.save(sent))
        assert not journal.save(HELD, replacing=frozenset({State.COLLECTING}))
        assert journal.deliveries() == (sent,)

    def test_nothing_is_ever_replaced(self, journal: S3Journal, lake: Bucket) -> None:
        journal.save(HELD)
        journal.save(replace(HELD, state=State.READY))
        assert [found.name[-17:] for found in lake.listed("journal/deliveries/")] == [
            "000000000001.json", "000000000002.json",
        ]  # fmt: skip

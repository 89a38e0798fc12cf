"""Every promise of `Notices`, kept by each store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pytest
from support.s3 import Faults

from puntual.aws.bucket import Bucket
from puntual.aws.notices import S3Notices
from puntual.local.notices import SqliteNotices
from puntual.model.check import Severity
from puntual.model.notice import Notice, Obligation
from puntual.ports.notices import Notices

FRIDAY = Obligation(report="credit_daily", reference_date=date(2026, 11, 20))
MONDAY = Obligation(report="credit_daily", reference_date=date(2026, 11, 23))
AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class NoticesSuite:
    """Every promise of Notices; subclass it with a `notices` fixture."""

    def test_a_notice_is_open_until_it_is_resolved(self, notices: Notices) -> None:
        assert notices.open(FRIDAY, "T2002", Severity.ERROR, "FAILED · Año", AT)
        expected = Notice(
            obligation=FRIDAY,
            cause="T2002",
            severity=Severity.ERROR,
            text="FAILED · Año",
            opened_at=AT,
        )
        assert notices.open_ones() == (expected,)
        assert notices.resolve(FRIDAY, "T2002", LATER)
        assert notices.open_ones() == ()

    def test_one_of_a_cause_is_open_at_a_time(self, notices: Notices) -> None:
        assert notices.open(FRIDAY, "held", Severity.WARN, "first", AT)
        assert not notices.open(FRIDAY, "held", Severity.WARN, "second", LATER)
        (found,) = notices.open_ones()
        assert (found.text, found.opened_at) == ("first", AT)

    def test_what_was_resolved_can_be_opened_again(self, notices: Notices) -> None:
        for _ in range(2):
            assert notices.open(FRIDAY, "held", Severity.WARN, "text", AT)
            assert notices.resolve(FRIDAY, "held", LATER)
            assert not notices.resolve(FRIDAY, "held", LATER)

    def test_causes_and_obligations_do_not_touch_each_other(self, notices: Notices) -> None:
        for obligation, cause in ((FRIDAY, "held"), (FRIDAY, "T2002"), (MONDAY, "held")):
            assert notices.open(obligation, cause, Severity.WARN, "text", AT)
        assert notices.resolve(FRIDAY, "held", LATER)
        assert [(n.obligation, n.cause) for n in notices.open_ones()] == [
            (FRIDAY, "T2002"),
            (MONDAY, "held"),
        ]
        assert [n.cause for n in notices.open_ones(MONDAY)] == ["held"]

    def test_an_instant_without_a_zone_is_refused(self, notices: Notices) -> None:
        with pytest.raises(ValueError, match="zone"):
            notices.open(FRIDAY, "held", Severity.WARN, "text", datetime(2026, 11, 23))  # noqa: DTZ001


class TestSqlite(NoticesSuite):
    @pytest.fixture
    def notices(self, tmp_path: Path) -> Iterator[SqliteNotices]:
        with closing(SqliteNotices(tmp_path / "journal.db")) as opened:
            yield opened

    def test_a_notice_outlives_its_connection(self, notices: SqliteNotices, tmp_path: Path) -> None:
        notices.open(FRIDAY, "held", Severity.WARN, "text", AT)
        notices.close()
        with closing(SqliteNotices(tmp_path / "journal.db")) as again:
            assert len(again.open_ones()) == 1
        assert notices.resolve(FRIDAY, "held", LATER)  # the next call opens it again


class TestS3(NoticesSuite):
    @pytest.fixture
    def notices(self, lake: Bucket) -> S3Notices:
        return S3Notices(lake.below("notices"))

    def test_o3_of_two_functions_that_open_the_same_notice_at_once_one_opens_it(
        self, notices: S3Notices, injected: Faults
    ) -> None:
        answers: list[bool] = []
        open_it = partial(notices.open, FRIDAY, "held", Severity.WARN, "text", AT)
        injected.meanwhile("PutObject", lambda: answers.append(open_it()))
        answers.append(open_it())
        assert answers == [True, False]
        assert len(notices.open_ones()) == 1

    @pytest.mark.row("f65")
    def test_o7_a_notice_whose_answer_was_lost_was_opened_by_us(
        self, notices: S3Notices, injected: Faults
    ) -> None:
        injected.lose("PutObject")
        assert notices.open(FRIDAY, "held", Severity.WARN, "text", AT)
        injected.lose("PutObject")
        assert notices.resolve(FRIDAY, "held", LATER)

    def test_what_was_open_once_is_listed_no_more(self, notices: S3Notices) -> None:
        notices.open(FRIDAY, "held", Severity.WARN, "text", AT)
        notices.open(MONDAY, "a cause / with any letters: Año", Severity.WARN, "text", LATER)
        notices.resolve(FRIDAY, "held", LATER)
        assert [n.cause for n in notices.open_ones()] == ["a cause / with any letters: Año"]

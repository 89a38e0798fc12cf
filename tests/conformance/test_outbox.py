"""Every promise of `Outbox`, kept on SQLite, beside the notices of the same file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from puntual.local.notices import SqliteNotices
from puntual.local.outbox import SqliteOutbox
from puntual.model.check import Severity
from puntual.model.notice import Obligation, Phase, SendState
from puntual.model.route import UNHEARD, Console, Email, Send, TextFile, Webhook
from puntual.planner import alert

FRIDAY = Obligation(report="credit_daily", reference_date=date(2026, 11, 20))
AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CHANNELS = (
    Console(),
    TextFile(path="notices.jsonl"),
    Email(host="mail", port=587, sender="p@b.example", to="ops@b.example", user="env:U",
          password="env:P"),
    Webhook(url="https://pager.example/x", secret="env:S", timeout=3),
)  # fmt: skip


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with closing(SqliteOutbox(tmp_path / "journal.db")) as opened:
        yield opened


@pytest.fixture
def notices(outbox: SqliteOutbox, tmp_path: Path) -> Iterator[SqliteNotices]:
    with closing(SqliteNotices(tmp_path / "journal.db")) as opened:
        opened.open(FRIDAY, "held", Severity.WARN, "HELD · Año", AT)
        yield opened


def _send(target: str = "a/console", **more: object) -> Send:
    facts: dict[str, object] = {
        "message": "1" * 32, "phase": Phase.OPENED, "target": target, "channel": Console(),
        "next_at": AT,
    }  # fmt: skip
    return Send(**(facts | more))  # type: ignore[arg-type]


@pytest.mark.usefixtures("notices")
def test_a_notice_is_in_the_outbox_as_soon_as_it_is_open(outbox: SqliteOutbox) -> None:
    (posted,) = outbox.unsettled()
    assert (posted.notice.cause, posted.notice.text, posted.sends) == ("held", "HELD · Año", ())


@pytest.mark.usefixtures("notices")
def test_every_channel_comes_back_as_it_was_saved(outbox: SqliteOutbox) -> None:
    sends = tuple(_send(f"r/{n}", channel=one) for n, one in enumerate(CHANNELS))
    outbox.save(1, sends)
    assert outbox.unsettled()[0].sends == sends


@pytest.mark.usefixtures("notices")
def test_a_send_takes_the_place_of_the_one_before(outbox: SqliteOutbox) -> None:
    outbox.save(1, (_send(),))
    tried = alert.failed(_send(), "D2001", "no answer", AT)
    outbox.save(1, (tried,))
    assert outbox.unsettled()[0].sends == (tried,)
    taken = alert.told(tried, "250 ok", AT)
    outbox.save(1, (taken,))
    assert outbox.unsettled()[0].sends == (taken,)


def test_a_resolved_notice_is_unsettled_until_its_resolution_is_told(
    outbox: SqliteOutbox, notices: SqliteNotices
) -> None:
    outbox.save(1, (_send(state=SendState.TOLD, told_at=AT, attempts=1),))
    notices.resolve(FRIDAY, "held", AT)
    assert len(outbox.unsettled()) == 1
    resolution = _send(message="2" * 32, phase=Phase.RESOLVED)
    outbox.save(1, (resolution,))
    assert len(outbox.unsettled()) == 1
    outbox.save(1, (alert.told(resolution, "ok", AT),))
    assert outbox.unsettled() == ()
    assert [len(posted.sends) for posted in outbox.history(10)] == [2]


def test_a_notice_that_nobody_was_told_of_is_settled_when_it_is_resolved(
    outbox: SqliteOutbox, notices: SqliteNotices
) -> None:
    notices.resolve(FRIDAY, "held", AT)
    assert outbox.unsettled() == ()
    (posted,) = outbox.history(1)
    assert posted.notice.resolved_at == AT


@pytest.mark.parametrize(
    ("code", "receipt", "attempts", "unsettled"),
    [
        ("D2001", UNHEARD, 1, 1),
        ("D2001", "", 1, 1),  # as it was written before receipts said so
        ("D2002", UNHEARD, 2, 1),
        ("D2002", "", 1, 0),
        ("D2003", "", 1, 0),
        ("D2007", "", 1, 0),
        ("", "", 0, 0),
    ],
)
def test_a_dropped_opening_that_may_have_arrived_is_unsettled_until_it_is_resolved(
    outbox: SqliteOutbox,
    notices: SqliteNotices,
    code: str,
    receipt: str,
    attempts: int,
    unsettled: int,
) -> None:
    send = _send(state=SendState.DROPPED, code=code, receipt=receipt, attempts=attempts)
    outbox.save(1, (send,))
    notices.resolve(FRIDAY, "held", AT)
    assert len(outbox.unsettled()) == unsettled == int(send.may_be_heard)
    outbox.save(1, (_send(message="2" * 32, phase=Phase.RESOLVED, state=SendState.TOLD),))
    assert outbox.unsettled() == ()


@pytest.mark.usefixtures("notices")
def test_what_is_saved_outlives_the_connection(outbox: SqliteOutbox, tmp_path: Path) -> None:
    outbox.save(1, (_send(),))
    with closing(SqliteOutbox(tmp_path / "journal.db")) as again:
        assert len(again.unsettled()[0].sends) == 1
    outbox.close()
    assert len(outbox.unsettled()[0].sends) == 1  # the next call opens it again

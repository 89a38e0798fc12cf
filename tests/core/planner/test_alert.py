"""Who is told of a notice, when again, and what is not sent (design 4.15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from puntual.model.check import Severity
from puntual.model.notice import Audience, Notice, Obligation, Phase, SendState
from puntual.model.route import Console, Email, Posted, Route, Send, TextFile, Webhook
from puntual.planner import alert

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FRIDAY = Obligation(report="credit_daily", reference_date=date(2026, 11, 20))
HELD = Notice(
    obligation=FRIDAY, cause="held", severity=Severity.WARN, text="HELD · credit_daily",
    opened_at=NOW,
)  # fmt: skip
FAILED = replace(HELD, cause="T4001", severity=Severity.ERROR)
OPS = Email(host="mail", port=25, sender="p@bank.example", to="ops@bank.example")
PAGER = Webhook(url="https://pager.example/hook/s3cret")
RECORD = Route(name="record", channels=(TextFile(path="notices.jsonl"),))
PAGES = Route(
    name="pages", channels=(OPS, PAGER), severities=frozenset({Severity.ERROR}),
    audiences=frozenset({Audience.OPERATIONS}),
)  # fmt: skip


def _posted(notice: Notice = HELD, *sends: Send) -> Posted:
    return Posted(number=1, notice=notice, sends=sends)


def _queued(notice: Notice, *routes: Route) -> Posted:
    return _posted(notice, *alert.queue(_posted(notice), routes, "bank", NOW))


def test_a_notice_goes_to_each_receiver_of_the_routes_that_it_takes() -> None:
    sends = alert.queue(_posted(FAILED), (RECORD, PAGES), "bank", NOW)
    assert [send.target for send in sends] == [
        "record/file:notices.jsonl",
        "pages/email:ops@bank.example",
        "pages/webhook:pager.example",
    ]
    assert len({send.message for send in sends}) == 1


def test_a_route_of_another_severity_or_audience_is_not_taken() -> None:
    targets = [s.target for s in alert.queue(_posted(HELD), (RECORD, PAGES), "bank", NOW)]
    assert targets == ["record/file:notices.jsonl"]


def test_the_path_of_a_webhook_may_be_a_secret_and_is_not_shown() -> None:
    assert "s3cret" not in alert.target(PAGES, PAGER)


@pytest.mark.row("f73")
def test_what_is_queued_is_not_queued_again() -> None:
    posted = _queued(FAILED, RECORD, PAGES)
    assert alert.queue(posted, (RECORD, PAGES), "bank", NOW + timedelta(hours=1)) == ()


@pytest.mark.row("f73")
def test_a_resolution_goes_to_whoever_was_told_also_when_the_routes_are_gone() -> None:
    posted = _queued(FAILED, PAGES)
    told = _posted(
        replace(FAILED, resolved_at=NOW), *(alert.told(s, "ok", NOW) for s in posted.sends)
    )
    sends = alert.queue(told, (), "bank", NOW)
    assert [(s.phase, s.channel) for s in sends] == [
        (Phase.RESOLVED, OPS),
        (Phase.RESOLVED, PAGER),
    ]
    assert sends[0].message != posted.sends[0].message


def test_what_healed_before_anybody_was_told_is_not_sent() -> None:
    posted = _queued(FAILED, PAGES)
    healed = replace(posted, notice=replace(FAILED, resolved_at=NOW))
    assert [s.state for s in alert.queue(healed, (PAGES,), "bank", NOW)] == [SendState.DROPPED] * 2


def test_who_may_have_been_told_hears_of_the_resolution() -> None:
    """An attempt whose answer was lost may have reached the receiver."""
    (first, second) = _queued(FAILED, PAGES).sends
    tried = alert.failed(first, "D2001", "no answer", NOW)
    healed = _posted(replace(FAILED, resolved_at=NOW), tried, second)
    found = {(s.target, s.phase): s.state for s in alert.queue(healed, (PAGES,), "bank", NOW)}
    assert found == {
        (first.target, Phase.OPENED): SendState.DROPPED,
        (first.target, Phase.RESOLVED): SendState.QUEUED,
        (second.target, Phase.OPENED): SendState.DROPPED,
    }


@pytest.mark.parametrize("code", ["D2002", "D2003", "D2007"])
def test_who_certainly_was_not_told_hears_of_no_resolution(code: str) -> None:
    """A refused connection, a refusal, a secret that is not set: nothing was taken."""
    (first, _) = _queued(FAILED, PAGES).sends
    tried = alert.failed(first, code, "refused", NOW)
    healed = _posted(replace(FAILED, resolved_at=NOW), tried)
    (left,) = alert.queue(healed, (), "bank", NOW)
    assert (left.phase, left.state) == (Phase.OPENED, SendState.DROPPED)


def test_an_attempt_that_may_have_arrived_is_not_forgotten_for_a_later_one_that_did_not() -> None:
    (first, _) = _queued(FAILED, PAGES).sends
    tried = alert.failed(alert.failed(first, "D2001", "no answer", NOW), "D2007", "refused", NOW)
    healed = _posted(replace(FAILED, resolved_at=NOW), tried)
    assert Phase.RESOLVED in [s.phase for s in alert.queue(healed, (), "bank", NOW)]


@pytest.mark.parametrize("code", ["D2001", "D2002"])
@pytest.mark.parametrize("again", [False, True], ids=["healed", "refused once more, healed"])
def test_an_attempt_from_before_receipts_said_so_may_have_arrived_unless_its_code_forbids_it(
    code: str, again: bool
) -> None:
    (first, _) = _queued(FAILED, PAGES).sends
    old = replace(first, attempts=3, code=code, error="no answer", receipt="")
    tried = alert.failed(old, "D2002", "refused", NOW) if again else old
    healed = _posted(replace(FAILED, resolved_at=NOW), tried)
    found = [s.phase for s in alert.queue(healed, (), "bank", NOW)]
    assert (Phase.RESOLVED in found) == (code == "D2001")


@pytest.mark.row("f72")
def test_a_fallback_is_taken_when_another_route_has_failed() -> None:
    last = Route(name="last", channels=(Console(),), fallback=True)
    posted = _queued(FAILED, PAGES, last)
    assert "last/console" not in [s.target for s in posted.sends]
    failing = replace(
        posted, sends=tuple(alert.failed(s, "D2001", "down", NOW) for s in posted.sends)
    )
    assert [s.target for s in alert.queue(failing, (PAGES, last), "bank", NOW)] == ["last/console"]


@pytest.mark.row("f72")
def test_a_failure_is_tried_again_later_and_later_and_never_given_up() -> None:
    (send, _) = _queued(FAILED, PAGES).sends
    waits = []
    for _ in range(9):
        after = alert.failed(send, "D2001", "down", NOW)
        waits.append((after.next_at - NOW).total_seconds() / 60)
        send = after
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert send.failing


def test_nothing_is_tried_before_its_time() -> None:
    (send, _) = _queued(FAILED, PAGES).sends
    posted = _posted(FAILED, alert.failed(send, "D2001", "down", NOW))
    assert alert.due(posted, NOW + timedelta(seconds=59)) == ()
    assert len(alert.due(posted, NOW + timedelta(seconds=60))) == 1


def test_the_id_of_a_message_follows_from_the_notice_alone() -> None:
    opened = alert.message("bank", HELD, Phase.OPENED)
    resolved = alert.message("bank", replace(HELD, resolved_at=NOW), Phase.RESOLVED)
    assert opened == alert.message("bank", HELD, Phase.OPENED)
    assert resolved.answers == opened.id != resolved.id
    again = replace(HELD, opened_at=NOW + timedelta(hours=1))
    assert alert.message("bank", again, Phase.OPENED).id != opened.id


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("T4001", {Audience.OPERATIONS}),
        ("S1201", {Audience.OPERATIONS}),
        ("S2004", {Audience.DATA}),
        ("held", {Audience.DATA}),
        ("arrivals:card_events", {Audience.DATA}),
        ("missed", {Audience.OPERATIONS, Audience.COMPLIANCE}),
        ("unsigned", {Audience.OPERATIONS, Audience.COMPLIANCE}),
        ("P2001", {Audience.COMPLIANCE}),
        ("something new", set(Audience)),
        ("X0001", set(Audience)),
    ],
)
def test_a_cause_concerns_those_who_can_act(cause: str, expected: set[Audience]) -> None:
    assert alert.audiences(cause) == expected

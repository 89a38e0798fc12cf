"""What a run writes down and tells when attempts fail, with a worker that does as the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.small import write_project

from puntual.errors import PermanentError, TransientError
from puntual.local.journal import SqliteJournal
from puntual.local.notices import SqliteNotices
from puntual.model.check import Severity
from puntual.model.delivery import Completeness, Delivery, DeliveryId, State, Timeliness
from puntual.model.notice import Notice, Obligation
from puntual.model.plan import Plan, Step
from puntual.model.project import Project
from puntual.planner.flow import flow
from puntual.planner.plan import plan
from puntual.ports.journal import StepEvent
from puntual.project.read import read_project
from puntual.runner.clock import FixedClock
from puntual.runner.execute import Carried, Desk, Run, Waiting, execute
from puntual.runner.flow import Failed, Retried
from puntual.runner.step import Answer, Order

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
OWED = Obligation(report="payments_daily", reference_date=DAY)
REPORT_STEPS = ("decide", "report", "attest", "deliver")


@dataclass
class Scripted:
    """A worker: what it raises is given by step and attempt; else the step is done."""

    raises: dict[str, list[Failed]] = field(default_factory=dict)
    held_by: str = ""
    orders: list[Order] = field(default_factory=list)

    def do(self, order: Order, *, timeout: int, begun: Callable[[], None]) -> Answer:
        self.orders.append(order)
        begun()
        if self.raises.get(order.step):
            raise self.raises[order.step].pop(0)
        completeness = ""
        if order.step.partition(":")[0] in REPORT_STEPS:
            completeness = "held" if order.step == self.held_by else "full"
        return Answer(outcome="done", summary="s", manifest="0" * 64, completeness=completeness)

    def close(self) -> None:
        pass

    def attempts(self, step: str) -> int:
        return sum(order.step == step for order in self.orders)


@dataclass
class Heard:
    """A watch that keeps what it is told."""

    said: list[str] = field(default_factory=list)

    def started(self, step: Step, number: int, of: int) -> None:
        pass

    def begun(self, step: Step, *, resumed: bool) -> None:
        pass

    def finished(self, step: Step, outcome: str, seconds: float, summary: str) -> None:
        self.said.append(f"{step.id} {outcome}")

    def failed(self, step: Step, attempts: int, failed: Failed) -> None:
        self.said.append(f"{step.id} failed {attempts}")

    def retried(self, retried: Retried) -> None:
        self.said.append(f"{retried.state.name} retried")

    def noticed(self, notice: Notice) -> None:
        word = "resolved" if notice.resolved_at else "open"
        self.said.append(f"notice {word} {notice.cause}")


class Forgetful(SqliteJournal):
    """A journal that does not answer the first time that a step is written down as done."""

    missed = False

    def record(self, event: StepEvent) -> None:
        if event.outcome == "done" and event.step == "validate" and not self.missed:
            self.missed = True
            raise TransientError("T2002", "state file busy")
        super().record(event)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return read_project(write_project(tmp_path_factory.mktemp("project")))


@pytest.fixture
def planned(project: Project) -> Plan:
    return plan(project, DAY)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal, closing(SqliteNotices(path)) as notices:
        yield Desk(journal=journal, notices=notices, clock=FixedClock(AT))


def _carry(
    project: Project, planned: Plan, desk: Desk, worker: Scripted, heard: Heard | None = None
) -> Carried:
    return execute(
        planned,
        flow(project, planned),
        worker,
        desk=desk,
        run=Run(id="r1", epoch=3),
        watch=heard or Heard(),
        waiting=Waiting(sleep=lambda _: None, uniform=lambda low, high: high),
    )


def _outcomes(desk: Desk, step: str) -> list[str]:
    return [e.outcome for e in desk.journal.steps(DAY) if e.step == step]


def _transient() -> Failed:
    return Failed("TransientError", "T2002 busy", fault=TransientError("T2002", "busy"))


def test_each_step_is_given_what_was_published_before_it(
    project: Project, planned: Plan, desk: Desk
) -> None:
    worker = Scripted()
    carried = _carry(project, planned, desk, worker)
    assert [o.step for o in worker.orders] == [s.id for s in planned.steps]
    last = worker.orders[-1]
    assert sorted(last.published) == sorted(s.id for s in planned.steps[:-1])
    assert (last.epoch, last.reports) == (3, ("payments_daily",))
    assert carried.count("done") == len(planned.steps)


@pytest.mark.row("f59")
def test_what_heals_by_a_retry_is_written_down_and_told_nobody(
    project: Project, planned: Plan, desk: Desk
) -> None:
    heard = Heard()
    _carry(project, planned, desk, Scripted(raises={"validate": [_transient()]}), heard)
    assert _outcomes(desk, "validate") == ["failed", "retried", "done"]
    (retried,) = [e for e in desk.journal.steps(DAY) if e.outcome == "retried"]
    assert retried.facts["error"] == "TransientError"
    assert retried.summary.startswith("retry 1 of 1 in ")
    assert "validate retried" in heard.said
    assert not any(said.startswith("notice") for said in heard.said)


def test_a_step_that_could_not_be_written_down_is_tried_again_for_it_is_committed(
    project: Project, planned: Plan, desk: Desk, tmp_path: Path
) -> None:
    worker = Scripted()
    with closing(Forgetful(tmp_path / "journal.db")) as journal:
        forgetful = Desk(journal=journal, notices=desk.notices, clock=desk.clock)
        _carry(project, planned, forgetful, worker)
    assert worker.attempts("validate") == 2
    assert _outcomes(desk, "validate") == ["failed", "retried", "done"]


@pytest.mark.row("f59", "f73")
def test_a_permanent_fault_is_raised_as_it_was_and_told_once(
    project: Project, planned: Plan, desk: Desk
) -> None:
    fault = PermanentError("T1001", "disk full", next_step="free space")
    for _ in range(2):
        worker = Scripted(raises={"validate": [Failed("PermanentError", "T1001", fault=fault)]})
        with pytest.raises(PermanentError) as raised:
            _carry(project, planned, desk, worker)
        assert raised.value is fault
        assert worker.attempts("validate") == 1
    (notice,) = desk.notices.open_ones()
    assert (notice.cause, notice.severity) == ("T1001", Severity.ERROR)
    assert notice.text.splitlines()[-1] == "free space"


def test_another_fault_takes_the_place_of_the_one_before_and_delivery_of_both(
    project: Project, planned: Plan, desk: Desk
) -> None:
    for code in ("T1001", "T1003"):
        failed = Failed("PermanentError", code, fault=PermanentError(code, "no"))
        with pytest.raises(PermanentError):
            _carry(project, planned, desk, Scripted(raises={"validate": [failed]}))
        assert [n.cause for n in desk.notices.open_ones()] == [code]
    heard = Heard()
    _carry(project, planned, desk, Scripted(), heard)
    assert desk.notices.open_ones() == ()
    assert heard.said[-1] == "notice resolved T1003"


@pytest.mark.row("f61")
def test_a_bug_is_raised_as_it_was_and_never_tried_again(
    project: Project, planned: Plan, desk: Desk
) -> None:
    bug = KeyError("x")
    worker = Scripted(raises={"build:movements": [Failed("KeyError", "a bug", fault=bug)]})
    with pytest.raises(KeyError) as raised:
        _carry(project, planned, desk, worker)
    assert raised.value is bug
    assert _outcomes(desk, "build:movements") == ["bug"]
    assert [n.cause for n in desk.notices.open_ones()] == ["T6003"]


@pytest.mark.parametrize("step", ["decide:payments_daily", "report:payments_daily"])
def test_a_held_report_is_told_and_its_other_steps_are_not_needed(
    project: Project, planned: Plan, desk: Desk, step: str
) -> None:
    heard = Heard()
    carried = _carry(project, planned, desk, Scripted(held_by=step), heard)
    assert carried.outcomes["deliver:payments_daily"] == "not needed"
    assert [n.cause for n in desk.notices.open_ones()] == ["held"]
    assert "notice open held" in heard.said


def test_held_means_that_the_machines_are_well_again(
    project: Project, planned: Plan, desk: Desk
) -> None:
    desk.notices.open(OWED, "T2002", Severity.ERROR, "text", AT)
    _carry(project, planned, desk, Scripted(held_by="decide:payments_daily"))
    assert [n.cause for n in desk.notices.open_ones()] == ["held"]


def test_nobody_is_told_of_a_run_that_was_overtaken_by_one_that_delivered(
    project: Project, planned: Plan, desk: Desk
) -> None:
    desk.journal.save(
        Delivery(
            id=DeliveryId(report="payments_daily", reference_date=DAY, version=1),
            state=State.SENT,
            completeness=Completeness.FULL,
            timeliness=Timeliness.ON_TIME,
            due_at=AT + timedelta(hours=2),
            sent_at=AT,
        )
    )
    lost = PermanentError("T2001", "this run has lost its lease")
    failed = Failed("PermanentError", "T2001", fault=lost)
    carried = _carry(project, planned, desk, Scripted(raises={"attest:payments_daily": [failed]}))
    assert carried.failed == {"payments_daily": lost}
    assert desk.notices.open_ones() == ()

"""
What the states of a day's machine answer, on the ports of one machine and with their notes on S3.

The ports of AWS have suites of their own; here it is the work that is split: each state opens
the world anew, and knows of the others only what they left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from acceptance.test_ties import BY_CLIENT
from support.partial import approve, partial_project, send_cards, send_payments
from support.s3 import lake_of, s3_of
from support.small import AS_OF, drop, vouch, write_project
from support.stage import stage as stage
from support.stage import stage_python as stage_python

from puntual.aws import begin
from puntual.aws.bucket import Bucket
from puntual.aws.log import Log
from puntual.aws.runs import Kind, RunOrder, S3Runs
from puntual.aws.stage.standing import Standing
from puntual.aws.tasks import Office, answer_of, carry
from puntual.aws.wire import instant_in, order_in, ref_out
from puntual.cli import wiring
from puntual.errors import EvidenceError, PermanentError, ProjectError, TransientError
from puntual.model.delivery import State
from puntual.planner.plan import plan
from puntual.project.read import read_project
from puntual.runner import checkpoint
from puntual.runner.clock import FixedClock, SystemClock
from puntual.runner.flow import Failed
from puntual.runner.step import Answer, InProcess, Order

DAY = date(2026, 3, 2)
INPUT: Mapping[str, Any] = {"reference_date": "2026-03-02", "attempt": 1, "as_of": AS_OF}
GROUPS = (
    ("Land", ("land:payments",)),
    ("Curate", ("curate:payments", "build:movements")),
    ("Validate", ("validate",)),
    ("Load", ("load:movements",)),
    ("Reconcile", ("reconcile",)),
    ("Decide-payments_daily", ("decide:payments_daily",)),
    ("Report-payments_daily", ("report:payments_daily",)),
    ("Attest-payments_daily", ("attest:payments_daily",)),
    ("Deliver-payments_daily", ("deliver:payments_daily",)),
)


@pytest.fixture
def bucket(stage: Standing) -> Bucket:
    return lake_of(s3_of(stage))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "bank")


class Place:
    """A project's folder in which every state is a process of its own, as far as it knows."""

    def __init__(self, root: Path, bucket: Bucket) -> None:
        self.root, self.runs = root, S3Runs(bucket)
        self.project = read_project(root)
        at = instant_in(AS_OF)
        assert at is not None
        self.clock = FixedClock(at)

    @contextmanager
    def opened(self) -> Iterator[tuple[Office, InProcess]]:
        with ExitStack() as stack:
            world = stack.enter_context(wiring.open_world(self.project, self.root, self.clock))
            desk, _ = stack.enter_context(wiring.open_desk(self.root, self.clock))
            office = Office(
                project=self.project,
                desk=desk,
                runs=self.runs,
                watch=Log("test"),
                machine=SystemClock(),
            )
            self.world = world
            yield office, InProcess(self.project, world)

    def begin(self, **said: object) -> RunOrder:
        with self.opened() as (office, _), wiring.leased(self.root, self.clock) as held:
            return begin.prepare(
                office, self.world, {**INPUT, **said}, DAY, epoch=held.epoch, execution="arn"
            )

    def state(
        self, run: RunOrder, task: str, steps: tuple[str, ...], by: str = "1"
    ) -> dict[str, Any]:
        order = order_in({"run": ref_out(run.ref), "task": task, "steps": list(steps)})
        with self.opened() as (office, worker):
            return carry(office, order, self.runs.order(run.ref.id), worker, by=by)

    def day(self, run: RunOrder) -> dict[str, dict[str, Any]]:
        return {task: self.state(run, task, steps) for task, steps in GROUPS}


@pytest.fixture
def place(root: Path, bucket: Bucket) -> Place:
    return Place(root, bucket)


def test_a_day_whose_states_share_nothing_but_the_lake_is_delivered_and_then_looked_at(
    place: Place,
) -> None:
    drop(place.root)
    vouch(place.root, 4, "330.35")
    run = place.begin()
    assert (run.kind, run.reports) == (Kind.DAY, ("payments_daily",))
    answers = place.day(run)
    assert {w for a in answers.values() for w in a["outcomes"].values()} == {"done"}
    assert answers["Curate"]["completeness"] == ""
    assert answers["Decide-payments_daily"]["completeness"] == "full"
    assert answers["Deliver-payments_daily"]["summary"].startswith("payments_daily → ")
    assert (place.root / "out/payments_daily_20260302_v1.txt").is_file()
    with place.opened() as (office, worker):
        begin.settle(office, run, worker)
        (delivery,) = office.desk.journal.deliveries(reference_date=DAY)
        steps = [e.step for e in office.desk.journal.steps(DAY)]
    assert delivery.state is State.SENT
    assert steps == [step for _, group in GROUPS for step in group]
    assert all(set(a) == {"outcomes", "completeness", "summary"} for a in answers.values())

    again = place.begin(attempt=2)
    assert again.kind is Kind.LOOK
    looked = place.day(again)
    assert looked["Land"]["outcomes"] == {"land:payments": "skipped"}
    assert looked["Load"]["outcomes"] == {"load:movements": "not needed"}
    assert looked["Decide-payments_daily"]["completeness"] == "not needed"


def _amend(part: str, **said: object) -> dict[str, object]:
    return {"amend": {"reports": ["payments_daily"], "part": part, **said}}


def test_a_delivery_is_replaced_when_a_person_asks_for_it_and_not_before(place: Place) -> None:
    drop(place.root)
    vouch(place.root, 4, "330.35")
    place.day(place.begin())
    drop(place.root, ("p9;c1;9.99;2026-03-02",), suffix="_2")
    vouch(place.root, 5, "340.34")

    looked = place.begin(attempt=2, **_amend("look"))
    assert (looked.kind, looked.landed) == (Kind.LOOK, ("payments",))
    place.day(looked)

    said = {"reason": "a branch sent one payment late", "by": "Ana Torres"}
    made = place.begin(attempt=3, **_amend("make", **said))
    assert (made.kind, made.send) == (Kind.AMEND, False)
    assert place.day(made)["Attest-payments_daily"]["outcomes"] == {"attest:payments_daily": "done"}
    with place.opened() as (office, _):
        (first,) = office.desk.journal.deliveries(reference_date=DAY)
    assert (first.id.version, first.state) == (1, State.SENT)
    assert not list((place.root / "out").glob("*_v2.txt"))

    with place.opened():
        committed = checkpoint.read(place.world, "report:payments_daily", DAY)
        assert committed is not None
    shown = {"payments_daily": committed.digest}
    with pytest.raises(ProjectError, match="P3047"):
        place.begin(attempt=4, **_amend("send", **said))
    with pytest.raises(ProjectError, match="P3047"):
        place.begin(attempt=4, **_amend("send", **said, shown={"payments_daily": "0" * 64}))
    sent = place.begin(attempt=4, **_amend("send", **said, shown=shown))
    words = {s: w for a in place.day(sent).values() for s, w in a["outcomes"].items()}
    assert words.pop("deliver:payments_daily") == "done"
    assert set(words.values()) == {"skipped"}, "what was shown is what is sent"
    assert (place.root / "out/payments_daily_20260302_v2.txt").is_file()
    with place.opened() as (office, _):
        newest = office.desk.journal.deliveries(reference_date=DAY)[0]
    assert (newest.id.version, newest.state) == (2, State.SENT)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (_amend("make"), "P3032"),
        (_amend("send"), "P3033"),
        ({"amend": {"reports": ["payments_daily"], "part": "all"}}, "C1911"),
        ({"amend": ["payments_daily"]}, "C1911"),
        ({"amend": {"part": "make"}}, "C1911"),
    ],
    ids=["nothing was sent", "no reason", "no such part", "no object", "no reports"],
)
def test_what_cannot_be_amended_begins_no_run(
    place: Place, said: dict[str, object], code: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        place.begin(**said)
    assert caught.value.code == code


def test_the_next_attempt_skips_what_is_committed(place: Place) -> None:
    drop(place.root)
    first = place.begin()
    for task, steps in GROUPS[:3]:
        place.state(first, task, steps)
    again = place.begin(attempt=2)
    assert again.ref.epoch > first.ref.epoch
    answers = place.day(again)
    words = {s: w for a in answers.values() for s, w in a["outcomes"].items()}
    assert [s for s, w in words.items() if w == "skipped"] == [
        step for _, steps in GROUPS[:3] for step in steps
    ]


def test_a_day_that_was_sent_is_not_made_again_by_a_run(place: Place) -> None:
    drop(place.root)
    vouch(place.root, 4, "330.35")
    place.day(place.begin())
    with pytest.raises(ProjectError, match="P1006"):
        place.begin(attempt=2, from_step="curate:payments")


def test_from_a_step_on_all_is_done_anew(place: Place) -> None:
    drop(place.root)
    first = place.begin()
    for task, steps in GROUPS[:5]:
        place.state(first, task, steps)
    again = place.begin(attempt=2, from_step="load:movements")
    assert again.anew[0] == "load:movements"
    words = {s: w for a in place.day(again).values() for s, w in a["outcomes"].items()}
    assert (words["validate"], words["load:movements"], words["reconcile"]) == (
        "skipped", "done", "done",
    )  # fmt: skip


def test_a_source_that_is_missing_holds_the_report_and_people_are_told_once(place: Place) -> None:
    run = place.begin()
    answers = {task: place.state(run, task, steps) for task, steps in GROUPS[:6]}
    assert answers["Decide-payments_daily"]["completeness"] == "held"
    said = {"about": "held", "report": "payments_daily", "task": "Notify-payments_daily-held"}
    for _ in range(2):
        with place.opened() as (office, worker):
            begin.tell(office, run, worker, said)
    with place.opened() as (office, worker):
        assert [n.cause for n in office.desk.notices.open_ones()] == ["held"]
        outcomes = {e.step: e.outcome for e in office.desk.journal.steps(DAY)}
    assert outcomes["deliver:payments_daily"] == "not needed"


class Failing:
    """A worker of which one step fails."""

    def __init__(self, worker: InProcess, step: str, fault: Exception) -> None:
        self._worker, self._step, self._fault = worker, step, fault

    def do(self, order: Order, *, timeout: int, begun: Any) -> Answer:
        if order.step == self._step:
            name = type(self._fault).__name__
            raise Failed(name, str(self._fault), fault=self._fault)
        return self._worker.do(order, timeout=timeout, begun=begun)

    def close(self) -> None:
        self._worker.close()


def _fail(place: Place, run: RunOrder, fault: Exception, by: str) -> None:
    order = order_in({"run": ref_out(run.ref), "task": "Curate", "steps": list(GROUPS[1][1])})
    with place.opened() as (office, worker), pytest.raises(Failed):
        carry(office, order, run, Failing(worker, "build:movements", fault), by=by)


def _judged(place: Place, run: RunOrder, job: Mapping[str, Any]) -> dict[str, object]:
    order = order_in({"run": ref_out(run.ref), "task": "Curate", "steps": list(GROUPS[1][1])})
    with place.opened() as (office, _):
        kept = begin.judged(office, run, "Curate", order.steps, job)
    return answer_of(order, kept.answers)


@pytest.mark.row("f68")
def test_a_job_is_judged_by_what_this_very_run_of_it_has_kept(place: Place) -> None:
    drop(place.root)
    run = place.begin()
    place.state(run, *GROUPS[0])
    _fail(place, run, TransientError("T4003", "the warehouse did not answer"), by="jr_1")
    with pytest.raises(Failed, match="T4003") as transient:
        _judged(place, run, {"Error": "States.TaskFailed", "Cause": '{"Id": "jr_1"}'})
    assert isinstance(transient.value.fault, TransientError)
    _fail(place, run, EvidenceError("V1002", "other bytes"), by="jr_2")
    with pytest.raises(Failed, match="V1002"):
        _judged(place, run, {"id": "jr_2"})
    place.state(run, *GROUPS[1], by="jr_3")
    assert _judged(place, run, {"id": "jr_3"})["outcomes"] == {
        "curate:payments": "skipped",  # it was committed before the first failure
        "build:movements": "done",
    }


@pytest.mark.row("f68")
@pytest.mark.parametrize(
    ("job", "name", "code"),
    [
        ({"Error": "States.TaskFailed", "Cause": '{"Id": "jr_9"}'}, "Runtime.ExitError", "T6002"),
        ({"Error": "States.Timeout", "Cause": ""}, "States.Timeout", "T6001"),
        ({"id": "jr_9"}, "Runtime.ExitError", "T6002"),
        ({"Error": "Glue.AccessDeniedException", "Cause": "no"}, "PermanentError", "T6005"),
    ],
    ids=["it died", "it ran out of time", "it ended well without a word", "it never began"],
)
def test_a_job_that_left_no_word_is_told_apart(
    place: Place, job: Mapping[str, Any], name: str, code: str
) -> None:
    run = place.begin()
    with pytest.raises(Failed) as failed:
        _judged(place, run, job)
    assert failed.value.name == name
    assert getattr(failed.value.fault, "code", "") == code


def test_a_fault_that_is_left_is_told_with_its_code_and_written_down(place: Place) -> None:
    drop(place.root)
    run = place.begin()
    place.state(run, *GROUPS[0])
    _fail(place, run, TransientError("T4003", "the warehouse did not answer"), by="jr_1")
    said = {"about": "failed", "report": "", "error": {"Error": "TransientError", "Cause": "{}"}}
    with place.opened() as (office, worker):
        begin.tell(office, run, worker, said)
        (notice,) = office.desk.notices.open_ones()
        (delivery,) = office.desk.journal.deliveries(reference_date=DAY)
    assert notice.cause == "T4003"
    assert "build:movements failed at the first attempt" in notice.text
    assert (delivery.state, delivery.reasons[0].code) == (State.COLLECTING, "T4003")


def test_without_a_policy_nothing_is_rescued(place: Place) -> None:
    drop(place.root)
    run = place.begin()
    place.state(run, *GROUPS[0])
    _fail(place, run, TransientError("T4003", "the warehouse did not answer"), by="jr_1")
    with place.opened() as (office, _):
        approvals = wiring.approvals(place.root)
        found = begin.rescue(office, run, {"Error": "TransientError"}, approvals)
    assert found == {"fault": "", "reports": [], "whole": False}


BOTH = ("by_client", "payments_daily")


def _stopped(place: Place, run: RunOrder, step: str, fault: Exception) -> dict[str, object]:
    """Have a step of a report fail, tell of that report alone, and ask for plan B."""
    kind, _, report = step.partition(":")
    error = {"Error": type(fault).__name__, "Cause": "{}"}
    order = order_in(
        {"run": ref_out(run.ref), "task": f"{kind.capitalize()}-{report}", "steps": [step]}
    )
    with place.opened() as (office, worker), pytest.raises(Failed):
        carry(office, order, run, Failing(worker, step, fault), by="1")
    told = {"about": "failed", "report": report, "task": f"Notify-{report}-failed", "error": error}
    with place.opened() as (office, worker):
        begin.tell(office, run, worker, told)
        return begin.rescue(office, run, error, wiring.approvals(place.root))


@pytest.fixture
def decided(tmp_path: Path, bucket: Bucket) -> Place:
    """Two reports, one with an approved plan B, at the moment to decide; all has come."""
    root = partial_project(tmp_path / "bank")
    for name, text in BY_CLIENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    approve(root)
    send_payments(root)
    send_cards(root)
    place = Place(root, bucket)
    at = instant_in("2026-03-03T06:50:00-06:00")
    assert at is not None
    place.clock = FixedClock(at)
    return place


def test_plan_b_is_asked_for_the_report_that_failed_and_for_no_other(decided: Place) -> None:
    run = decided.begin()
    assert run.reports == BOTH
    answer = _stopped(decided, run, "report:by_client", PermanentError("Q1001", "its SQL"))
    assert answer["reports"] == []
    with decided.opened() as (office, _):
        found = {(n.obligation.report, n.cause) for n in office.desk.notices.open_ones()}
        noted = {d.id.report for d in office.desk.journal.deliveries(reference_date=DAY)}
    assert (found, noted) == ({("by_client", "Q1001")}, {"by_client"})

    answer = _stopped(decided, run, "decide:payments_daily", PermanentError("Q1001", "its SQL"))
    assert (answer["reports"], answer["whole"]) == (["payments_daily"], False)


def test_each_report_is_judged_by_its_own_fault_whichever_came_last(decided: Place) -> None:
    wrong, silent = ProjectError("C1402", "a field lacks"), TransientError("T4003", "no answer")
    run = decided.begin()
    _stopped(decided, run, "report:payments_daily", wrong)
    answer = _stopped(decided, run, "deliver:by_client", silent)
    assert answer["reports"] == [], "no plan B is meant for a project that is wrong"

    run = decided.begin(attempt=2)
    _stopped(decided, run, "report:payments_daily", silent)
    answer = _stopped(decided, run, "deliver:by_client", wrong)
    assert answer["reports"] == ["payments_daily"]
    assert "no answer" in str(answer["fault"])
    assert answer["whole"] is False
    with decided.opened() as (office, _):
        told = {n.obligation.report: n.text for n in office.desk.notices.open_ones()}
    assert "deliver:by_client failed" in told["by_client"]
    assert "report:payments_daily failed" in told["payments_daily"]


def test_a_function_that_died_is_told_of_by_its_own_step(decided: Place) -> None:
    run = decided.begin()
    _stopped(decided, run, "decide:by_client", TransientError("T4003", "no answer"))
    error = {"Error": "States.Timeout", "Cause": ""}
    told = {"about": "failed", "report": "payments_daily", "task": "N", "error": error}
    with decided.opened() as (office, worker):
        begin.tell(office, run, worker, told)
        found = {n.obligation.report: (n.cause, n.text) for n in office.desk.notices.open_ones()}
    assert found["payments_daily"][0] == "T6001"
    assert "decide:payments_daily failed" in found["payments_daily"][1]
    assert found["by_client"][0] == "T4003"


def test_a_fault_of_all_is_not_told_of_a_report_that_has_one_of_its_own(decided: Place) -> None:
    run = decided.begin()
    _stopped(decided, run, "report:by_client", PermanentError("Q1001", "its SQL"))
    error = {"Error": "TransientError", "Cause": ""}
    with decided.opened() as (office, worker):
        begin.tell(office, run, worker, {"about": "failed", "report": "", "error": error})
        found = {(n.obligation.report, n.cause) for n in office.desk.notices.open_ones()}
        answer = begin.rescue(office, run, error, wiring.approvals(decided.root))
    assert ("by_client", "Q1001") in found
    assert not {cause for report, cause in found if report == "by_client"} - {"Q1001"}
    assert (answer["reports"], answer["whole"]) == (["payments_daily"], False)


def test_plan_b_is_not_asked_for_what_is_made_and_cannot_be_handed_over(decided: Place) -> None:
    run = decided.begin()
    planned = plan(decided.project, DAY)
    ends = (":by_client", "deliver:payments_daily", "rehearse:payments_daily")
    for step in (s.id for s in planned.steps if not s.id.endswith(ends)):
        decided.state(run, step.replace(":", "-"), (step,))
    down = PermanentError("D1001", "its receiver is down")
    answer = _stopped(decided, run, "deliver:payments_daily", down)
    assert answer == {"fault": "", "reports": [], "whole": False}


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ({"reference_date": "2026-03-02"}, date(2026, 3, 2)),
        ({"reference_date": "", "scheduled": "2026-03-03T08:00:00Z"}, date(2026, 3, 2)),
        ({"reference_date": "", "scheduled": "2026-03-09T08:00:30Z"}, date(2026, 3, 6)),
        ({"reference_date": "", "scheduled": "2026-03-07T08:00:00Z"}, None),
    ],
    ids=[
        "by hand",
        "Tuesday's schedule",
        "Monday's schedule is of Friday",
        "Saturday has none",
    ],
)
def test_the_day_of_an_execution_is_named_or_follows_from_its_schedule(
    root: Path, said: Mapping[str, Any], day: date | None
) -> None:
    assert begin.day_of(read_project(root), said) == day


def test_an_execution_without_a_day_is_refused(root: Path) -> None:
    with pytest.raises(ProjectError, match="C1911"):
        begin.day_of(read_project(root), {"attempt": 1})


def test_the_groups_of_these_tests_are_the_steps_of_the_plan(root: Path) -> None:
    planned = plan(read_project(root), DAY)
    assert [s for _, steps in GROUPS for s in steps] == [step.id for step in planned.steps]

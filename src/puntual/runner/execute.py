"""
Carries a day's flow out: each step by a worker, what happens told and written down.

It decides nothing: whether a delivery may be made is `decide`'s answer, whether an attempt is
made again is the flow's. Killed anywhere, the next run continues at the first step without a
commit for the same inputs, code and contract (design 4.9).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Protocol

from puntual.errors import PuntualError, TransientError
from puntual.model.check import Severity
from puntual.model.delivery import Completeness, Delivery, Reason, Restatement, State
from puntual.model.flow import DIED, NOTHING_FAILED, TIMEOUT, Flow, Notify, Task
from puntual.model.manifest import Digest
from puntual.model.notice import NOT_ALLOWED, NOT_FULL, REJECTED, UNSIGNED, Notice, Obligation
from puntual.model.plan import Attest, Deliver, MakeReport, Plan, Step
from puntual.planner.alert import is_fault
from puntual.planner.flow import FAILED_REPORT, PLAN_B
from puntual.planner.policy import NOT_COVERED
from puntual.ports.clock import Clock
from puntual.ports.journal import FILES, Journal, StepEvent
from puntual.ports.landing import TIMED_OUT
from puntual.ports.notices import Notices
from puntual.runner import route, tell
from puntual.runner.again import last_sent
from puntual.runner.flow import Ended, Failed, Retried, carry
from puntual.runner.step import DONE, HELD, NOT_NEEDED, SKIPPED, WAITING, Answer, Order, Worker


class Watch(Protocol):
    """Told of each step as it happens, for progress on a terminal or in a log."""

    def started(self, step: Step, number: int, of: int) -> None:
        """A step begins; it is the `number`-th of `of`."""

    def begun(self, step: Step, *, resumed: bool) -> None:
        """
        A step is not committed, and is done now.

        Args:
            step: Which.
            resumed: It is the first of the run, and steps before it were committed.
        """

    def finished(self, step: Step, outcome: str, seconds: float, summary: str) -> None:
        """A step ended: `done`, `skipped` (committed before) or `not needed` (held)."""

    def failed(self, step: Step, attempts: int, failed: Failed) -> None:
        """A step failed for good, after so many attempts."""

    def retried(self, retried: Retried) -> None:
        """An attempt failed, and another one follows after a wait."""

    def noticed(self, notice: Notice) -> None:
        """A notice was opened, or resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """
    What the carrying out writes down, and when; the steps have ports of their own.

    Attributes:
        journal: How steps went and deliveries stand.
        notices: What people are told.
        clock: The time.
        away: The environment in which they ask back, where it is not their machine; else "".
        due: Returns when a report of a day is due, with its zone, and None where nobody knows;
            None: it is not told.
    """

    journal: Journal
    notices: Notices
    clock: Clock
    away: str = ""
    due: Callable[[str, date], datetime | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    Which run this is.

    Attributes:
        id: Names it in the journal.
        epoch: Of the lease that it holds.
        anew: Ids of the steps that are done even if they are committed (`--from`).
        fault: Why plan B is made without warehouse; "" if the day is done in full.
        faults: Report → why, of those for which it is another reason.
        restatements: The next versions that are made of what was delivered.
        send: What is made is also sent.
        decide_by: Report → the moment to decide, of those with a policy: who is held then, and
            not allowed to leave, is somebody's to be paged for.
    """

    id: str
    epoch: int
    anew: frozenset[str] = frozenset()
    fault: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    restatements: tuple[Restatement, ...] = ()
    send: bool = True
    decide_by: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How a run waits between attempts: by the clock and by chance, which are arguments."""

    sleep: Callable[[float], None]
    uniform: Callable[[float, float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """
    What became of a plan.

    Attributes:
        outcomes: Step id → `done`, `skipped` or `not needed`.
        published: Step id → digest of the manifest that is published.
        failed: Report → the fault of a step that only it needs; the other reports went on.
        stopped: The fault that stopped all of it; None where it came to its end.
        unsettled: Why what no longer holds could not be resolved when all was done, if it could
            not: that fault is of the notices, and of no report.
    """

    outcomes: Mapping[str, str]
    published: Mapping[str, Digest]
    failed: Mapping[str, Exception] = field(default_factory=dict)
    stopped: PuntualError | None = None
    unsettled: PuntualError | None = None

    def is_settled(self, report: str) -> bool:
        """Say whether it is known what becomes of a report: it is made, held, or not owed."""
        made = f"attest:{report}"
        return made in self.published or self.outcomes.get(made) == NOT_NEEDED

    def count(self, outcome: str) -> int:
        """Return how many steps ended so."""
        return sum(found == outcome for found in self.outcomes.values())


def execute(
    plan: Plan,
    flow: Flow,
    worker: Worker,
    *,
    desk: Desk,
    run: Run,
    watch: Watch,
    waiting: Waiting,
) -> Carried:
    """
    Carry a plan out as `carry_out` does, and raise what stopped all of it or was not settled.

    Raises:
        TransientError: Something may pass by waiting, and the retries are spent; run again.
        PermanentError: It will not pass by waiting.
        EvidenceError: Bytes are not what was recorded.
        ProjectError: The project is wrong in a way that only the world shows.
        Exception: A bug, as it was raised; from another process as `Bug` with its traceback.
    """
    carried = carry_out(plan, flow, worker, desk=desk, run=run, watch=watch, waiting=waiting)
    for fault in (carried.stopped, carried.unsettled):
        if fault is not None:
            raise fault
    return carried


def carry_out(
    plan: Plan,
    flow: Flow,
    worker: Worker,
    *,
    desk: Desk,
    run: Run,
    watch: Watch,
    waiting: Waiting,
) -> Carried:
    """
    Carry a plan out by its flow, from the first step that is not committed.

    No known fault is raised: it stands in the answer, with what was done all the same.

    Args:
        plan: The steps of one reference date.
        flow: Their times and routes.
        worker: Does them.
        desk: Journal and notices.
        run: Which run this is.
        watch: Told of progress.
        waiting: How it waits.

    Raises:
        Exception: A bug, as it was raised; from another process as `Bug` with its traceback.
    """
    carrier = Carrier(plan=plan, worker=worker, desk=desk, run=run, watch=watch)
    ended = carry(
        flow,
        carrier,
        data={
            "reference_date": plan.reference_date.isoformat(),
            "run": run.id,
            "failed": NOTHING_FAILED,
        },
        sleep=waiting.sleep,
        uniform=waiting.uniform,
        told=carrier.told,
    )
    stopped = _raised(ended) if ended.failed and ended.visited[-1] != FAILED_REPORT else None
    if stopped is not None and not isinstance(stopped, PuntualError):
        raise stopped
    unsettled: PuntualError | None = None
    try:
        _patiently(carrier.settle, waiting.sleep)
    except PuntualError as fault:
        unsettled = fault
    return Carried(
        outcomes=carrier.outcomes,
        published=carrier.published,
        failed={report: fault_of(failed) for report, failed in carrier.failed.items()},
        stopped=stopped,
        unsettled=unsettled,
    )


_PATIENCE = (1.0, 5.0, 25.0)
"""Seconds between attempts to settle: all is delivered, and no run of the day may follow."""


def _patiently(settle: Callable[[], None], sleep: Callable[[float], None]) -> None:
    """
    Resolve what no longer holds, again where notices do not answer at once.

    Raises:
        TransientError: They do not answer at all; what is open is resolved by a later run.
        PermanentError: They cannot.
    """
    for seconds in _PATIENCE:
        try:
            return settle()
        except TransientError:
            sleep(seconds)
    return settle()


def fault_of(failed: Failed) -> Exception:
    """Return what was raised; of what only has a name, an error that tells it."""
    if isinstance(failed.fault, Exception):
        return failed.fault
    return RuntimeError(f"the flow failed by itself: {failed}")


def _raised(ended: Ended) -> BaseException:
    return ended.fault or RuntimeError(f"the flow failed by itself: {ended.error}: {ended.cause}")


@dataclass(slots=True, kw_only=True)
class Carrier:
    """
    The `Performer` of a day's flow.

    Where every group of steps is done by a process of its own, each has a carrier that knows
    what those before it have come to.

    Attributes:
        plan: The steps of one reference date.
        worker: Does them.
        desk: Journal and notices.
        run: Which run this is.
        watch: Told of progress.
        outcomes: Step id → how it ended.
        published: Step id → digest of the manifest that it has published.
        begun: A step of this run was done, and not skipped.
        last: The task that failed last, at which attempt, and how.
        failed: Report → what stopped it alone.
    """

    plan: Plan
    worker: Worker
    desk: Desk
    run: Run
    watch: Watch
    outcomes: dict[str, str] = field(default_factory=dict)
    published: dict[str, Digest] = field(default_factory=dict)
    begun: bool = False
    last: tuple[Task, int, Failed] | None = None
    failed: dict[str, Failed] = field(default_factory=dict)

    def perform(self, task: Task, attempt: int) -> Mapping[str, object]:
        """
        Have a step done once, and write down how it went.

        Raises:
            Failed: As the worker says; or the journal did not answer.
        """
        step = task.step
        if attempt == 1:
            self.watch.started(step, self._number(step), len(self.plan.steps))
        began = self.desk.clock.monotonic()
        try:
            answer = self._answer(task, attempt)
            seconds = self._since(began)
            self._ended(step, answer, seconds)
        except Failed as failed:
            self.last = (task, attempt, failed)
            self._failed(step, failed, self._since(began))
            raise
        self.watch.finished(step, answer.outcome, seconds, answer.summary)
        return _output(answer)

    def _answer(self, task: Task, attempt: int) -> Answer:
        order = Order(
            reference_date=self.plan.reference_date,
            reports=self.plan.reports,
            step=task.step.id,
            epoch=self.run.epoch,
            published=dict(self.published),
            anew=task.step.id in self.run.anew,
            fault=self.run.faults.get(task.step.id.partition(":")[2], self.run.fault),
            restatements=self.run.restatements,
            send=self.run.send,
            last=attempt > sum(retrier.attempts for retrier in task.retry),
        )
        begun = partial(self._begun, task.step)
        try:
            return self.worker.do(order, timeout=task.timeout, begun=begun)
        except Failed as failed:
            if not self._may_be_sealed(task, failed):
                raise
            return self._sealed(order, task, failed, begun)

    def _may_be_sealed(self, task: Task, failed: Failed) -> bool:
        """Say whether a source that was killed over is worth asking whether its time is over."""
        if failed.name != TIMEOUT or not task.sealing:
            return False
        now = self.desk.clock.now()
        return any(by <= now for by in self.run.decide_by.values())

    def _sealed(
        self, order: Order, task: Task, failed: Failed, begun: Callable[[], None]
    ) -> Answer:
        """
        Have the day of a source that gave no answer in time sealed without it.

        Raises:
            Failed: As the attempt failed, where the source is still waited for.
        """
        silent = replace(order, silent=f"{task.timeout:,} s")
        try:
            return self.worker.do(silent, timeout=task.sealing, begun=begun)
        except Failed as again:
            if isinstance(again.fault, PuntualError) and again.fault.code == TIMED_OUT:
                raise failed from None
            raise

    def _begun(self, step: Step) -> None:
        self.watch.begun(step, resumed=not self.begun and SKIPPED in self.outcomes.values())
        self.begun = True

    def _ended(self, step: Step, answer: Answer, seconds: float) -> None:
        """Write an outcome down; if it cannot be, the step is committed and is skipped next."""
        with route.attempt():
            self._record(step.id, answer.outcome, seconds, answer.summary, **_came(answer))
            if isinstance(step, Deliver) and answer.outcome == WAITING:
                self._unsigned(step.report)
        self.outcomes[step.id] = answer.outcome
        if answer.manifest:
            self.published[step.id] = answer.manifest

    def _failed(self, step: Step, failed: Failed, seconds: float) -> None:
        outcome = {TIMEOUT: "timed out", DIED: "died"}.get(
            failed.name, "bug" if route.is_bug(failed) else "failed"
        )
        with suppress(PuntualError):  # the fault is what is told, not that it was not written down
            self._record(step.id, outcome, seconds, failed.cause, error=failed.name)

    def told(self, retried: Retried) -> None:
        """Write a retry down and say it."""
        with route.attempt():
            self._record(
                retried.state.name,
                "retried",
                retried.wait,
                tell.retry(retried),
                error=retried.error,
                retry=f"{retried.retry} of {retried.of}",
            )
        self.watch.retried(retried)

    def notify(self, state: Notify, data: Mapping[str, object]) -> None:
        """
        Open the notices of a state, once for each obligation and cause.

        Raises:
            Failed: They could not be written down.
        """
        with route.attempt():
            if state.about == HELD:
                self._held(state.report)
            elif state.about == PLAN_B:
                self._not_rehearsed(state.report)
            elif self.last is not None:
                self._gave_up(state.report, *self.last)

    def _held(self, report: str) -> None:
        for step in self.plan.steps:
            if isinstance(step, MakeReport | Attest | Deliver) and step.report == report:
                self._not_needed(step)
        day, found = self.plan.reference_date, self._newest(report)
        # What was sent before stays on record as that: its reasons are not those of this hold.
        why = found.reasons if found is not None and found.state is State.HELD else ()
        self._open(report, HELD, Severity.WARN, tell.held(report, day, why, self.desk.away))
        self._not_allowed(report, why)
        self._resolve_one(report, UNSIGNED, "it is held now")
        self._resolve(report, faults=True)

    def _newest(self, report: str) -> Delivery | None:
        day = self.plan.reference_date
        return next(iter(self.desk.journal.deliveries(report=report, reference_date=day)), None)

    def _not_allowed(self, report: str, reasons: Sequence[Reason]) -> None:
        """Page when the moment to decide has come and the policy does not allow what is there."""
        by = self.run.decide_by.get(report)
        if by is None:
            return
        why = _not_covered(reasons)
        if why and self.desk.clock.now() >= by:
            text = tell.not_allowed(report, self.plan.reference_date, why, self.desk.away)
            self._open(report, NOT_ALLOWED, Severity.ERROR, text)
        elif reasons and not why:
            self._resolve_one(report, NOT_ALLOWED, "the policy allows it at the moment to decide")

    def _unsigned(self, report: str) -> None:
        """
        Tell that a delivery is made and that people are to sign it; it is held no more.

        Of the next version of what was sent in full only who asked for it is told: nothing is
        owed any more.
        """
        found = self._newest(report)
        if found is None or not tell.is_unsigned(found):
            return
        sent = last_sent(self.desk.journal, report, self.plan.reference_date)
        if sent is not None and sent.completeness is Completeness.FULL:
            return
        self._open(report, UNSIGNED, Severity.ERROR, tell.unsigned(found, self.desk.away))
        for cause in (HELD, NOT_ALLOWED):
            self._resolve_one(report, cause, "no longer held: it is made, and waits for signatures")
        self._resolve(report, faults=True)

    def _not_rehearsed(self, report: str) -> None:
        """Say that plan B could not be made beside a report that is delivered."""
        text = tell.not_rehearsed(report, self.plan.reference_date)
        self._open(report, PLAN_B, Severity.WARN, text)

    def _not_needed(self, step: Step) -> None:
        if step.id in self.outcomes:
            return
        self._record(step.id, NOT_NEEDED, 0.0, HELD)
        self.outcomes[step.id] = NOT_NEEDED
        self.watch.started(step, self._number(step), len(self.plan.steps))
        self.watch.finished(step, NOT_NEEDED, 0.0, HELD)

    def _gave_up(self, only: str, task: Task, attempts: int, failed: Failed) -> None:
        """
        Tell of a technical fault, for every report that is not sent yet and that it stops.

        Args:
            only: The report that alone needs the step; "" for a step of all.
            task: What failed.
            attempts: How often.
            failed: How.
        """
        self.watch.failed(task.step, attempts, failed)
        cause = tell.code_of(failed)
        stopped = (only,) if only else tuple(r for r in self.plan.reports if r not in self.failed)
        if only:
            self.failed[only] = failed
        for report in stopped:
            if self.is_sent(report):
                continue
            text = tell.gave_up(report, self.plan.reference_date, task.name, attempts, failed)
            self._open(report, cause, Severity.ERROR, text)
            # The run did not come past the fault before: it met another one.
            self._resolve(
                report, but=frozenset({cause}), faults=True, ended=f"overtaken by {cause}"
            )

    def is_sent(self, report: str) -> bool:
        """
        Say whether a report is sent.

        Also by another run, which has taken over: its delivery is what counts.
        """
        day = self.plan.reference_date
        delivered = f"deliver:{report}" in self.published
        return delivered or last_sent(self.desk.journal, report, day) is not None

    def settle(self) -> None:
        """Resolve what no longer holds: everything, for a report that was delivered in full."""
        for report in self.plan.reports:
            if f"deliver:{report}" in self.published:
                rehearsed = self.outcomes.get(f"rehearse:{report}") in (DONE, SKIPPED)
                obligation = Obligation(report=report, reference_date=self.plan.reference_date)
                but = frozenset() if rehearsed else frozenset({PLAN_B})
                for notice in settle_sent(self.desk, obligation, but=but):
                    self.watch.noticed(notice)
                if rehearsed:
                    self._rehearsed_again(report)

    def _rehearsed_again(self, report: str) -> None:
        """Resolve what was told of plan B on earlier days, which nobody runs any more."""
        at = self.desk.clock.now()
        for notice in self.desk.notices.open_ones():
            of = notice.obligation
            earlier = of.report == report and of.reference_date < self.plan.reference_date
            told = earlier and notice.cause == PLAN_B
            ended = f"plan B was made beside the report of {self.plan.reference_date}"
            if told and self.desk.notices.resolve(of, PLAN_B, at, ended):
                self.watch.noticed(replace(notice, resolved_at=at, ended=ended))

    def _open(self, report: str, cause: str, severity: Severity, text: str) -> None:
        if not self.run.send:
            return  # the person who only looks is told, and what was sent stands
        obligation = Obligation(report=report, reference_date=self.plan.reference_date)
        for notice in _opened(self.desk, obligation, cause, severity, text):
            self.watch.noticed(notice)

    def _resolve_one(self, report: str, cause: str, ended: str) -> None:
        if not self.run.send:
            return
        obligation = Obligation(report=report, reference_date=self.plan.reference_date)
        at = self.desk.clock.now()
        for notice in self.desk.notices.open_ones(obligation):
            if notice.cause == cause and self.desk.notices.resolve(obligation, cause, at, ended):
                self.watch.noticed(replace(notice, resolved_at=at, ended=ended))

    def _resolve(
        self,
        report: str,
        *,
        but: frozenset[str] = frozenset(),
        faults: bool = False,
        ended: str = "a later run came past it",
    ) -> None:
        if not self.run.send:
            return
        obligation = Obligation(report=report, reference_date=self.plan.reference_date)
        for notice in resolve(self.desk, obligation, but=but, faults=faults, ended=ended):
            self.watch.noticed(notice)

    def _record(self, step: str, outcome: str, seconds: float, summary: str, **facts: str) -> None:
        self.desk.journal.record(
            StepEvent(
                run=self.run.id,
                reference_date=self.plan.reference_date,
                step=step,
                outcome=outcome,
                seconds=seconds,
                at=self.desk.clock.now(),
                summary=summary,
                facts=facts,
            )
        )

    def _number(self, step: Step) -> int:
        return self.plan.steps.index(step) + 1

    def _since(self, began: float) -> float:
        return self.desk.clock.monotonic() - began


def _not_covered(reasons: Sequence[Reason]) -> list[Reason]:
    """
    Return why no policy allows what is held, first what the policy itself does not allow.

    What came up after the decision, in the file that was made, no clause was asked about. Where
    it only waits for the moment to decide, nothing.
    """
    if any(r.code == tell.WAITS for r in reasons):
        return []
    return [r for r in reasons if r.code in NOT_COVERED] or list(reasons)


def _came(answer: Answer) -> dict[str, str]:
    """Return what a landing says of its files, for the history of arrivals; once it is new."""
    new = answer.files and answer.outcome == DONE
    return {FILES: json.dumps(answer.files, sort_keys=True)} if new else {}


def _output(answer: Answer) -> Mapping[str, object]:
    """Return what the flow may know of a step: references and words, never data (`aws.md` C5)."""
    said = {"outcome": answer.outcome, "manifest": answer.manifest}
    return said | ({"completeness": answer.completeness} if answer.completeness else {})


def _opened(
    desk: Desk,
    obligation: Obligation,
    cause: str,
    severity: Severity,
    text: str,
    *,
    since: datetime | None = None,
) -> tuple[Notice, ...]:
    """Open a notice, as of now or since an instant; return it, or nothing where it is open."""
    at = desk.clock.now()
    due = desk.due(obligation.report, obligation.reference_date) if desk.due else None
    text = tell.dated(text, due, None if since else at)
    at = since or at
    if not desk.notices.open(obligation, cause, severity, text, at):
        return ()
    return (Notice(obligation=obligation, cause=cause, severity=severity, text=text, opened_at=at),)


def settle_sent(
    desk: Desk, obligation: Obligation, *, but: frozenset[str] = frozenset()
) -> tuple[Notice, ...]:
    """
    Resolve the open notices of a report that was sent; of one that is not full, open that it is.

    Args:
        desk: Journal, notices and clock.
        obligation: Whose.
        but: Causes that still hold.

    Returns:
        The notices that were opened or resolved.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002.
    """
    sent = last_sent(desk.journal, obligation.report, obligation.reference_date)
    ended = tell.delivered(sent) if sent else ""
    if sent is None or sent.completeness is Completeness.FULL:
        return resolve(desk, obligation, but=but, ended=ended)
    text = tell.not_full(sent, desk.away)
    # Since the instant that its manifest keeps: a lost journal's notice then has the same id.
    told = _opened(desk, obligation, NOT_FULL, Severity.WARN, text, since=sent.sent_at)
    newest, *_ = desk.journal.deliveries(
        report=obligation.report, reference_date=obligation.reference_date
    )
    # What was sent does not sign the version after it, of which no run tells again.
    unsigned = {UNSIGNED} if tell.is_unsigned(newest) else set()
    return told + resolve(desk, obligation, but=but | {NOT_FULL} | unsigned, ended=ended)


def resolve(
    desk: Desk,
    obligation: Obligation,
    *,
    but: frozenset[str] = frozenset(),
    faults: bool = False,
    ended: str = "",
) -> tuple[Notice, ...]:
    """
    Resolve the open notices of an obligation, and return them; never that of a rejection.

    Args:
        desk: Notices and clock.
        obligation: Whose.
        but: Causes that still hold.
        faults: Only those of faults: what the watch has said of a report that is not delivered
            still holds.
        ended: What ended them, for whoever was told.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002.
    """
    at = desk.clock.now()
    return tuple(
        replace(notice, resolved_at=at, ended=ended)
        for notice in desk.notices.open_ones(obligation)
        if notice.cause not in but | {REJECTED}
        and (is_fault(notice.cause) or not faults)
        and desk.notices.resolve(obligation, notice.cause, at, ended)
    )

"""
What one run has come to so far, for the processes that carry it out one after the other.

A run is a number of functions and jobs that share nothing but the lake. What it is to do is laid
down once, when it begins; what each of its states has come to is kept as an object that is never
overwritten. Both are notes of one run: the truth stays with the commit log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from puntual.aws.bucket import Bucket
from puntual.aws.faults import ABSENT
from puntual.aws.wire import RunRef, instant_in, instant_out, ref_in, ref_out
from puntual.errors import EvidenceError
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.delivery import Restatement
from puntual.model.manifest import Digest
from puntual.runner.flow import Failed
from puntual.runner.step import Answer
from puntual.runner.wire import answer_in


class Kind(StrEnum):
    """What a run is for."""

    DAY = "day"
    COMPLETE = "complete"
    AMEND = "amend"
    LOOK = "look"
    PLAN_B = "plan_b"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """
    What a run is to do.

    Attributes:
        ref: Names it.
        kind: The day in full; the next version of what was sent in part; the next version that a
            person asks for; a look for what came late; plan B after a technical fault; nothing
            that is owed.
        reports: The reports of its plan.
        restatements: The next versions that it makes of what was delivered.
        landed: Of a look: the sources that are landed.
        anew: Ids of the steps that are done even if they are committed.
        fault: Of plan B: why the full report could not be made.
        faults: Report → that, of those for which it is another reason.
        send: What is made is also sent; False: it is made to be looked at.
        execution: ARN of the execution; "" where it was not told.
    """

    ref: RunRef
    kind: Kind
    reports: tuple[str, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    landed: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    fault: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    send: bool = True
    execution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What one attempt of one state has come to.

    Attributes:
        task: The state.
        by: The job run or the function's request that did it.
        at: When it ended by the machine's clock, UTC.
        answers: Step id → how it went, of the steps that it came to.
        failed: The step that failed; "" if none did.
        fault: Then, what was raised, as `runner.wire.failed_out` says it.
    """

    task: str
    by: str
    at: datetime
    answers: Mapping[str, Answer] = field(default_factory=dict)
    failed: str = ""
    fault: Mapping[str, object] = field(default_factory=dict)

    def raised(self) -> Failed | None:
        """Return the failure as it was raised; None if it went well."""
        if not self.failed:
            return None
        try:
            answer_in(self.fault)
        except Failed as failed:
            return failed
        return None


class S3Runs:
    """
    Runs and their outcomes, as objects of the lake.

    Args:
        bucket: The state of a project.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def begin(self, order: RunOrder) -> None:
        """
        Lay down what a run is to do; repeating it with the same order is harmless.

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
            EvidenceError: V1004 the run was begun before, to do something else.
        """
        name = _order_name(order.ref.id)
        if not self._bucket.create(name, _encoded(_order_out(order))):
            raise EvidenceError(
                "V1004",
                f"run {order.ref.id} was begun before, to do something else",
                where=self._bucket.where(name),
                expected="a run of its own for each lease",
                observed="another order under its name",
                next_step="Somebody has written into the state of the lake; see who may.",
            )

    def order(self, run: str) -> RunOrder:
        """
        Return what a run is to do.

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008; T5006 there is no such run.
        """
        name = _order_name(run)
        found = self._bucket.read(name)
        if found is None:
            raise ABSENT.raised(self._bucket.where(name), "no such object")
        return _order_in(json.loads(found.data))

    def keep(self, run: str, outcome: Outcome) -> None:
        """
        Keep an outcome under the next free number of its state.

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        folder, data = _folder(run, outcome.task), _encoded(_outcome_out(outcome))
        number = 1 + sum(1 for _ in self._bucket.listed(folder))
        while not self._bucket.create(f"{folder}{number:04}.json", data):
            number += 1

    def outcomes(self, run: str, task: str | None = None) -> tuple[Outcome, ...]:
        """
        Return the outcomes of a run, or of one of its states, in the order of time.

        Raises:
            TransientError: T5001, T5002, T5003.
            PermanentError: T5004-T5008.
        """
        names = [found.name for found in self._bucket.listed(_folder(run, task))]
        read = (found for found in self._bucket.read_many(names) if found is not None)
        found = [_outcome_in(json.loads(one.data)) for one in read]
        return tuple(sorted(found, key=lambda one: one.at))


def _order_name(run: str) -> str:
    return f"runs/{run}.json"


def _folder(run: str, task: str | None) -> str:
    return f"outcomes/{run}/" + (f"{task}/" if task is not None else "")


def _encoded(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def published(outcomes: tuple[Outcome, ...]) -> dict[str, Digest]:
    """Return step id → manifest of everything that a run has published so far."""
    return {
        step: answer.manifest
        for one in outcomes
        for step, answer in one.answers.items()
        if answer.manifest
    }


def words(outcomes: tuple[Outcome, ...]) -> dict[str, str]:
    """Return step id → how it ended, of everything that a run has come to so far."""
    return {step: answer.outcome for one in outcomes for step, answer in one.answers.items()}


def _order_out(order: RunOrder) -> dict[str, object]:
    return {
        "run": ref_out(order.ref),
        "kind": order.kind.value,
        "reports": list(order.reports),
        "restatements": to_json(order.restatements),
        "landed": list(order.landed),
        "anew": list(order.anew),
        "fault": order.fault,
        "send": order.send,
        "execution": order.execution,
    }


def _order_in(said: Mapping[str, Any]) -> RunOrder:
    return RunOrder(
        ref=ref_in(said["run"]),
        kind=Kind(said["kind"]),
        reports=tuple(said["reports"]),
        restatements=list_from_json(Restatement, said["restatements"]),
        landed=tuple(said["landed"]),
        anew=tuple(said["anew"]),
        fault=said["fault"],
        send=said.get("send", True),  # an order of the version before had none
        execution=said["execution"],
    )


def _outcome_out(outcome: Outcome) -> dict[str, object]:
    return {
        "task": outcome.task,
        "by": outcome.by,
        "at": instant_out(outcome.at),
        "answers": {step: asdict(answer) for step, answer in outcome.answers.items()},
        "failed": outcome.failed,
        "fault": dict(outcome.fault),
    }


def _outcome_in(said: Mapping[str, Any]) -> Outcome:
    at = instant_in(said["at"])
    assert at is not None  # noqa: S101 - an outcome always has its instant
    return Outcome(
        task=said["task"],
        by=said["by"],
        at=at,
        answers={step: Answer(**answer) for step, answer in said["answers"].items()},
        failed=said["failed"],
        fault=said["fault"],
    )

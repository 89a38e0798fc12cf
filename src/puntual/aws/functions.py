"""
Entry points of the machine's functions: each reads a payload, works, answers small JSON.

The name of an exception's class is the error's name to the machine (design 4.8), so what is
raised here are our classes, and a bug under its own name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from puntual.aws import begin as beginning
from puntual.aws.runs import Kind
from puntual.aws.settings import Settings
from puntual.aws.wire import instant_in, ref_in, ref_out
from puntual.aws.world import Place, deployed, duckdb, opened
from puntual.errors import TransientError
from puntual.planner.flow import RETRIED
from puntual.runner.flow import Failed
from puntual.runner.route import Bug

Event = Mapping[str, Any]
Answer = dict[str, object]

RESCUE = "Rescue"


def begin(event: Event, context: object) -> Answer:
    """Plan the day and take the lease; `planned` is false where nothing is to be done."""
    said: Mapping[str, Any] = event.get("input") or {}
    execution = str(event.get("execution") or "")
    as_of = _as_of(said)
    settings = Settings.from_environment(os.environ)
    with _raised(), deployed(settings) as project:
        day = beginning.day_of(project, said)
        if day is None:
            return _nothing(said, as_of)
        with opened(settings, project, duckdb, as_of=as_of) as place:
            order = place.begin(said, day, execution)
            return ref_out(order.ref) | {"planned": order.kind is not Kind.NOTHING}


def _step(event: Event, context: object) -> Answer:
    """Do the steps of a state."""
    with _raised(), _place(event) as place:
        return place.carry(event, by=_request(context))


def validate(event: Event, context: object) -> Answer:
    """Measure and judge every check."""
    return _step(event, context)


def reconcile(event: Event, context: object) -> Answer:
    """Compare every hop and every control."""
    return _step(event, context)


def decide(event: Event, context: object) -> Answer:
    """Decide what is delivered of a report; as `Rescue`, whether plan B is."""
    if event.get("task") != RESCUE:
        return _step(event, context)
    with _raised(), _place(event) as place:
        return place.rescue(event)


def report(event: Event, context: object) -> Answer:
    """Query, lay out, read back and tie a report."""
    return _step(event, context)


def attest(event: Event, context: object) -> Answer:
    """Make the evidence of a report."""
    return _step(event, context)


def deliver(event: Event, context: object) -> Answer:
    """Hand a report and its evidence over."""
    return _step(event, context)


def rehearse(event: Event, context: object) -> Answer:
    """Make plan B beside the full report, and compare the two."""
    return _step(event, context)


def notify(event: Event, context: object) -> Answer:
    """Open the notices of a finding or fault, and tell who is to be told."""
    with _raised(), _place(event) as place:
        return place.tell(event)


def outcome(event: Event, context: object) -> Answer:
    """Answer what a job has come to, or raise what it failed by."""
    with _raised(), _place(event) as place:
        return place.judge(event)


def end(event: Event, context: object) -> Answer:
    """Resolve what no longer holds, tell it, and give the lease back."""
    with _raised(), _place(event) as place:
        return place.end(event)


@contextmanager
def _place(event: Event) -> Iterator[Place]:
    """Open the ports that the steps of a run reach the world through."""
    settings = Settings.from_environment(os.environ)
    ref = ref_in(event.get("run"))
    with (
        deployed(settings) as project,
        opened(settings, project, duckdb, run=ref.id, as_of=ref.as_of) as place,
    ):
        yield place


@contextmanager
def _raised() -> Iterator[None]:
    """
    Raise what a failed attempt was raised by, under the name of its class.

    Raises:
        TransientError: Also where nothing but a name is known (`Runtime.ExitError`).
        RuntimeError: A bug of a job.
    """
    try:
        yield
    except Failed as failed:
        if failed.fault is not None and not isinstance(failed.fault, Bug):
            raise failed.fault from None
        if failed.name in RETRIED:
            raise TransientError(
                "T6002",
                f"an attempt ended without a word: {failed.name}",
                expected="an answer, or a known fault",
                observed=failed.cause,
                next_step="Look at the log of the function.",
            ) from None
        # A job's traceback stands in the job's log, and may hold values.
        raise RuntimeError(f"{failed.name}: {failed.cause}") from None


def _as_of(said: Mapping[str, Any]) -> datetime | None:
    return instant_in(str(said.get("as_of") or ""))


def _nothing(said: Mapping[str, Any], as_of: datetime | None) -> Answer:
    """Answer that no report is owed: every key is there, and nothing follows."""
    return {
        "id": "",
        "reference_date": str(said.get("reference_date") or ""),
        "attempt": int(said.get("attempt") or 1),
        "epoch": 0,
        "as_of": str(said.get("as_of") or ""),
        "from_step": "",
        "planned": False,
    }


def _request(context: object) -> str:
    return str(getattr(context, "aws_request_id", ""))

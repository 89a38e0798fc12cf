"""
What the state machine and the entry points say to each other: small JSON, references only.

    machine → entry   {"run": …, "task": "Land", "steps": ["land:clients", …]}
    entry → machine   {"outcomes": {step: word}, "completeness": word, "summary": sentence}

A step is named by its id as everywhere; rows, files and manifests never pass (`aws.md` C5).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from puntual.errors import ProjectError
from puntual.runner.amend import Amendment, Part

AMEND = "amend"
"""In an execution's input: what a person asks for who replaces a delivery."""

LIMIT = 8 * 1024
"""Bytes of an answer, of the 256 KiB that all of them share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """
    Names a run to every one of its states.

    Attributes:
        id: As in the journal.
        reference_date: The day.
        attempt: Which execution of that day, from 1.
        epoch: Of the lease that the run holds.
        as_of: The instant that the run goes by, UTC; None for the clock.
        from_step: The step from which all is done anew; "" to go on from what is committed.
    """

    id: str
    reference_date: date
    attempt: int
    epoch: int
    as_of: datetime | None = None
    from_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOrder:
    """
    What a state asks for.

    Attributes:
        run: Of which run.
        task: The state's name.
        steps: Ids of the steps that it groups, in plan order.
    """

    run: RunRef
    task: str
    steps: tuple[str, ...]


def ref_out(ref: RunRef) -> dict[str, object]:
    """Return what stands at `$.run`."""
    return {
        "id": ref.id,
        "reference_date": ref.reference_date.isoformat(),
        "attempt": ref.attempt,
        "epoch": ref.epoch,
        "as_of": instant_out(ref.as_of),
        "from_step": ref.from_step,
    }


def ref_in(said: object) -> RunRef:
    """
    Return the run that `$.run` names.

    Raises:
        ProjectError: C1911 it is not what `Begin` answers.
    """
    with _reading(said, "the run that Begin answers"):
        known: Mapping[str, Any] = said  # type: ignore[assignment]  # refused below if it is none
        return RunRef(
            id=str(known["id"]),
            reference_date=date.fromisoformat(known["reference_date"]),
            attempt=int(known["attempt"]),
            epoch=int(known["epoch"]),
            as_of=instant_in(known.get("as_of", "")),
            from_step=str(known.get("from_step", "")),
        )


def order_in(event: Mapping[str, Any]) -> TaskOrder:
    """
    Return the order that a state's payload is.

    Raises:
        ProjectError: C1911 it is none.
    """
    with _reading(event, "an order: run, task, steps"):
        return TaskOrder(
            run=ref_in(event["run"]),
            task=str(event["task"]),
            steps=tuple(str(step) for step in event["steps"]),
        )


def amendment_out(asked: Amendment) -> dict[str, object]:
    """Return what stands at `amend` of an execution's input."""
    return {
        "reports": list(asked.reports),
        "reason": asked.reason,
        "by": asked.person,
        "part": asked.part.value,
        **({"shown": dict(asked.shown)} if asked.shown else {}),
    }


def amendment_in(said: Mapping[str, Any]) -> Amendment | None:
    """
    Return what an execution's input asks to amend; None where it asks for a day.

    Raises:
        ProjectError: C1911 it is not what `puntual amend --env` writes.
    """
    if AMEND not in said:
        return None
    with _reading(said, "amend: reports, reason, by, part (look, make or send), shown"):
        known = said[AMEND]
        return Amendment(
            reports=tuple(sorted({str(name) for name in known["reports"]})),
            reason=str(known.get("reason", "")),
            person=str(known.get("by", "")),
            part=Part(known["part"]),
            shown={str(r): str(d) for r, d in dict(known.get("shown") or {}).items()},
        )


def instant_out(at: datetime | None) -> str:
    """Return an instant as text, in UTC; "" for none."""
    return "" if at is None else at.astimezone(UTC).isoformat()


def instant_in(text: str) -> datetime | None:
    """
    Return the instant that a text is; None of none.

    Raises:
        ValueError: It is no instant, or has no zone.
    """
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant needs its zone")
    return at.astimezone(UTC)


def bounded(answer: Mapping[str, object]) -> dict[str, object]:
    """Return an answer whose summary is cut until it is small enough."""
    found = dict(answer)
    while len(json.dumps(found, ensure_ascii=False).encode()) > LIMIT and found.get("summary"):
        words = str(found["summary"])
        found["summary"] = words[: len(words) // 2]
    return found


@contextmanager
def _reading(said: object, expected: str) -> Iterator[None]:
    """
    Turn whatever reading a payload raises into the fault of a payload that is none.

    Raises:
        ProjectError: C1911.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        keys = ", ".join(sorted(map(str, said))) if isinstance(said, dict) else "no object"
        raise ProjectError(
            "C1911",
            "a state was given something else than it is made for",
            where="the state machine's input",
            expected=expected,
            observed=keys,
            next_step="Deploy the project again: machine and functions are of two versions.",
        ) from error

"""Where each step of a plan runs on AWS: which Glue job, or which function."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import assert_never

from puntual.model.plan import (
    Attest,
    Build,
    Curate,
    Decide,
    Deliver,
    Land,
    Load,
    MakeReport,
    Reconcile,
    Rehearse,
    Step,
    Validate,
)

LONGEST_NAME = 80
"""Characters of a state's name (Step Functions, quotas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    A Glue job; neighbours of one job are done by one run of it.

    Attributes:
        state: Name of the state.
        name: Of the job: `land`, `curate`, `load`.
    """

    state: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """
    A Lambda function.

    Attributes:
        state: Name of the state.
        name: Of the function, in `puntual.aws.functions`.
    """

    state: str
    name: str


JOBS = ("land", "curate", "load")
FUNCTIONS = (
    "begin",
    "validate",
    "reconcile",
    "decide",
    "report",
    "attest",
    "deliver",
    "rehearse",
    "notify",
    "outcome",
    "end",
)
"""Every job and function that a machine may ask; entry points of `puntual.aws`."""


def place(step: Step) -> Job | Function:
    """Return where a step runs."""
    match step:
        case Land():
            return Job(state="Land", name="land")
        case Curate() | Build():
            return Job(state="Curate", name="curate")
        case Load():
            return Job(state="Load", name="load")
        case Validate():
            return Function(state="Validate", name="validate")
        case Reconcile():
            return Function(state="Reconcile", name="reconcile")
        case Decide(report=report):
            return Function(state=f"Decide-{report}", name="decide")
        case MakeReport(report=report):
            return Function(state=f"Report-{report}", name="report")
        case Attest(report=report):
            return Function(state=f"Attest-{report}", name="attest")
        case Deliver(report=report):
            return Function(state=f"Deliver-{report}", name="deliver")
        case Rehearse(report=report):
            return Function(state=f"Rehearse-{report}", name="rehearse")
        case _:
            assert_never(step)


def short(name: str) -> str:
    """Return a state's name within the service's limit; one that is too long ends in a digest."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{digest}"

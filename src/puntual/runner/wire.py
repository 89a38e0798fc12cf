"""
What a run and who does its steps say to each other: one JSON object a line, never pickled.

    run → worker     an Order
    worker → run     {"begun": true}, perhaps; then an Answer, or {"failed": …}

On AWS the second is kept as an object, for the state that comes next.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from puntual.errors import Complaint, ProjectError, PuntualError
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.delivery import Restatement
from puntual.planner.flow import ERROR_NAMES, error_name
from puntual.runner.flow import Failed
from puntual.runner.route import Bug
from puntual.runner.step import Answer, Order

BEGUN = {"begun": True}
_KINDS = {name: kind for kind, name in ERROR_NAMES.items()}
_FACTS = ("where", "expected", "observed", "next_step")


def line(message: Mapping[str, object]) -> bytes:
    """Return a message as the one line it is sent as."""
    return json.dumps(message, ensure_ascii=True).encode() + b"\n"


def order_out(order: Order) -> Mapping[str, object]:
    """Return an order as JSON values."""
    return {
        "reference_date": order.reference_date.isoformat(),
        "reports": list(order.reports),
        "step": order.step,
        "epoch": order.epoch,
        "published": dict(order.published),
        "anew": order.anew,
        "fault": order.fault,
        "restatements": to_json(order.restatements),
        "send": order.send,
        "last": order.last,
        "silent": order.silent,
    }


def order_in(message: Mapping[str, Any]) -> Order:
    """Return the order that a message is."""
    return Order(
        reference_date=date.fromisoformat(message["reference_date"]),
        reports=tuple(message["reports"]),
        step=message["step"],
        epoch=message["epoch"],
        published=message["published"],
        anew=message["anew"],
        fault=message["fault"],
        restatements=list_from_json(Restatement, message["restatements"]),
        send=message["send"],
        last=message["last"],
        silent=message["silent"],
    )


def answer_out(answer: Answer) -> Mapping[str, object]:
    """Return an answer as JSON values."""
    return {"answer": asdict(answer)}


def failed_out(failed: Failed) -> Mapping[str, object]:
    """Return a failed attempt as JSON values: a known fault whole, a bug with its traceback."""
    fault = failed.fault
    said: dict[str, object] = {"name": failed.name, "cause": failed.cause}
    if isinstance(fault, PuntualError):
        # Its class apart from the name: a step out of time has the language's name for that.
        said |= {"kind": error_name(fault), "code": fault.code, "message": fault.message}
        said |= {fact: getattr(fault, fact) for fact in _FACTS}
        if isinstance(fault, ProjectError):
            said["complaints"] = [asdict(complaint) for complaint in fault.complaints]
    elif fault is not None:
        said["trace"] = "".join(traceback.format_exception(fault))
    return {"failed": said}


def answer_in(message: Mapping[str, Any]) -> Answer:
    """
    Return the answer that a message is.

    Raises:
        Failed: The message says that the attempt failed; its fault is of the same class and
            says the same as what was raised, or is a `Bug`.
    """
    if "failed" not in message:
        return Answer(**message["answer"])
    said = message["failed"]
    raise Failed(said["name"], said["cause"], fault=_fault(said))


def _fault(said: Mapping[str, Any]) -> BaseException | None:
    if "trace" in said:
        return Bug(said["name"], said["trace"])
    if "code" not in said:
        return None
    facts = {fact: said[fact] for fact in _FACTS}
    if "complaints" in said:
        complaints = tuple(Complaint(**complaint) for complaint in said["complaints"])
        return ProjectError(said["code"], said["message"], complaints=complaints, **facts)
    return _KINDS[said.get("kind", said["name"])](said["code"], said["message"], **facts)

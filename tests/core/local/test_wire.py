"""What a run and its worker say to each other comes back as it was said."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from puntual.errors import (
    Complaint,
    EvidenceError,
    PermanentError,
    ProjectError,
    PuntualError,
    TransientError,
)
from puntual.runner import wire
from puntual.runner.flow import Failed
from puntual.runner.route import Bug, attempt, is_bug
from puntual.runner.step import Answer, Order

ORDER = Order(
    reference_date=date(2026, 3, 2),
    reports=("a", "b"),
    step="load:año",
    epoch=7,
    published={"land:x": "0" * 64},
    anew=True,
)


def _sent(message: Any) -> Any:
    sent = wire.line(message)
    assert sent.count(b"\n") == 1
    return json.loads(sent)


def _failed(raised: Exception) -> Failed:
    """Raise it where the step is done, and return what the run sees."""
    with pytest.raises(Failed) as here, attempt():
        raise raised
    with pytest.raises(Failed) as there:
        wire.answer_in(_sent(wire.failed_out(here.value)))
    return there.value


def test_an_order_arrives_as_it_was_given() -> None:
    assert wire.order_in(_sent(wire.order_out(ORDER))) == ORDER


def test_an_answer_arrives_as_it_was_given() -> None:
    answer = Answer(outcome="done", summary="a → b\n", manifest="1" * 64, completeness="held")
    assert wire.answer_in(_sent(wire.answer_out(answer))) == answer


@pytest.mark.parametrize("kind", [TransientError, PermanentError, EvidenceError, ProjectError])
def test_a_known_fault_arrives_whole_and_of_its_class(kind: type[PuntualError]) -> None:
    told = kind("T2002", "busy", where="w", expected="e", observed="o", next_step="n")
    failed = _failed(told)
    assert failed.name == kind.__name__
    assert failed.cause == "T2002 busy"
    assert type(failed.fault) is kind
    assert vars(failed.fault) == vars(told)
    assert not is_bug(failed)


def test_the_complaints_of_a_project_arrive() -> None:
    complaint = Complaint(code="C1", message="m", file="f", line=3, column=4, source="s")
    failed = _failed(ProjectError("C1000", "wrong", complaints=(complaint,)))
    assert isinstance(failed.fault, ProjectError)
    assert failed.fault.complaints == (complaint,)


def test_a_bug_arrives_with_its_traceback_and_its_cause_holds_no_value() -> None:
    failed = _failed(KeyError("client 4711"))
    assert is_bug(failed)
    assert failed.name == "KeyError"
    assert "4711" not in failed.cause
    assert isinstance(failed.fault, Bug)
    assert "test_wire.py" in failed.fault.trace
    assert "KeyError: 'client 4711'" in str(failed.fault)


def test_an_attempt_that_failed_already_keeps_its_name() -> None:
    with pytest.raises(Failed) as raised, attempt():
        raise Failed("States.Timeout", "late")
    assert raised.value.name == "States.Timeout"

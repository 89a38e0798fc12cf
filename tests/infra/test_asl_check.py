"""Our check of a state machine, against the published cases of two validators and seeded faults."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from infra.projects import made
from support.shared import shared

from puntual.infra import asl
from puntual.infra.asl_check import GLUE, Problem, problems, read, validate

Json = dict[str, Any]
CASES = "asl/asl-validator/src/__tests__/definitions"
STATELINT = "asl/statelint/test"


def found_in(path: Path) -> tuple[Problem, ...]:
    try:
        return problems(read(path.read_text(encoding="utf-8")))
    except ValueError as refused:
        return (Problem(where="", what=str(refused)),)


def sound() -> Json:
    return dict(read(asl.text(asl.machine(made()))))


def test_every_invalid_definition_of_asl_validator_is_refused() -> None:
    cases = sorted(shared(CASES).glob("invalid-*.json"))
    assert len(cases) == 50
    assert [case.name for case in cases if not found_in(case)] == []


def test_no_valid_definition_of_asl_validator_breaks_a_rule_of_the_language() -> None:
    cases = sorted(shared(CASES).glob("valid-*.json"))
    assert len(cases) == 62
    wrong = {
        case.name: [str(p) for p in found_in(case) if not p.house]
        for case in cases
        if any(not problem.house for problem in found_in(case))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("invalid-inexistant-state.json", "Start State: Finished is no state"),
        ("invalid-unreachable-state.json", "it is never reached"),
        ("invalid-missing-terminal.json", "no state ends the machine"),
        ("invalid-next-with-end.json", "Next and End exclude each other"),
        ("invalid-task-timout.json", "TimeoutSeconds and TimeoutSecondsPath exclude each other"),
        ("invalid-fail-dupe-cause.json", "Cause and CausePath exclude each other"),
        ("invalid-json-path.json", "ResultPath is no reference path: ..guid"),
        ("invalid-state-name-too-long.json", "its name has more than 80 characters"),
        ("invalid-error-equals.json", "ErrorEquals of Catch is no list of names"),
        ("invalid-cfn-definition-substitutions.json", "a substitution is not closed: ${lambdaArn"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(case: str, said: str) -> None:
    sentences = [str(problem) for problem in found_in(shared(CASES) / case)]
    assert any(said in sentence for sentence in sentences), sentences


@pytest.mark.parametrize(
    "case",
    [
        "backoff-with-backoffrate-between-0-and-1",
        "backoff-with-backoffrate-negative",
        "backoff-with-invalid-jitter-on-retry",
        "empty-error-equals-on-catch",
        "empty-error-equals-on-retry",
        "fail-with-parameters",
        "fail-with-resultpath",
        "fail-with-static-and-dynamic-cause",
        "fail-with-static-and-dynamic-error",
        "no-terminal",
        "succeed-with-parameters",
        "succeed-with-resultpath",
        "task-with-static-and-dynamic-timeout",
        "wait-with-parameters",
    ],
)
def test_what_statelint_refuses_breaks_a_rule_of_the_language_here_too(case: str) -> None:
    assert [p for p in found_in(shared(STATELINT) / f"{case}.json") if not p.house]


def test_a_key_that_stands_twice_is_refused_when_it_is_read() -> None:
    with pytest.raises(ValueError, match="a key stands twice: Next"):
        read('{"Next": "a", "Next": "b"}')


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="no JSON object"):
        read("[]")


def change(*path: str | int, to: object) -> Callable[[Json], None]:
    def changed(machine: Json) -> None:
        place: Any = machine
        for key in path[:-1]:
            place = place[key]
        if to is DELETED:
            del place[path[-1]]
        else:
            place[path[-1]] = to

    return changed


DELETED = object()


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (change("StartAt", to="Nowhere"), "StartAt is no state"),
        (change("States", to={}), "there are no states"),
        (change("States", "Validate", "Next", to="Nowhere"), "Validate: Nowhere is no state"),
        (
            change("States", "Decided-r0", "Default", to="Nowhere"),
            "Decided-r0: Nowhere is no state",
        ),
        (
            change("States", "Decided-r0", "Choices", 0, "Next", to="Nowhere"),
            "Decided-r0: Nowhere is no state",
        ),
        (
            change("States", "Validate", "Catch", 0, "Next", to="Nowhere"),
            "Validate: Nowhere is no state",
        ),
        (change("States", "Validate", "Next", to="Reconcile"), "Load: it is never reached"),
        (change("States", "Done", "Type", to="Parallel"), "Done: Parallel is not used here"),
        (
            change("States", "Validate", "TimeoutSeconds", to=DELETED),
            "Validate: without TimeoutSeconds it waits three years",
        ),
        (
            change("States", "Validate", "Catch", 0, "ResultPath", to=DELETED),
            "Validate: without ResultPath a Catch replaces the whole input",
        ),
        (
            change("States", "Validate", "ResultPath", to=DELETED),
            "Validate: without ResultPath its answer replaces",
        ),
        (
            change("States", "Validate", "ResultSelector", to=DELETED),
            "Validate: without ResultSelector its whole answer is kept",
        ),
        (
            change("States", "Validate", "Retry", 0, "MaxDelaySeconds", to=DELETED),
            "Validate: Retry leaves to a default: MaxDelaySeconds",
        ),
        (
            change("States", "Validate", "Retry", 0, "BackoffRate", to=1.5),
            "Validate: a fractional BackoffRate",
        ),
        (
            change("States", "Validate", "Retry", 0, "ErrorEquals", 0, to="TransientErorr"),
            "Validate: Retry names what nobody raises: TransientErorr",
        ),
        (
            change("States", "Validate", "Retry", 0, "ErrorEquals", 0, to="States.Timeuot"),
            "Validate: States.Timeuot is no name of the language",
        ),
        (
            change("States", "Validate", "Retry", 0, "ErrorEquals", 0, to="States.TaskFailed"),
            "Validate: Retry names States.TaskFailed but not States.DataLimitExceeded",
        ),
        (
            change("States", "Validate", "Parameters", "Payload", "rows.$", to="$.findings"),
            "Validate: rows.$ gives more than references: $.findings",
        ),
        (
            change("States", "Validate", "Parameters", "Payload", "run.$", to="$"),
            "Validate: run.$ gives more than references: $",
        ),
        (
            change("States", "Validate", "Parameters", "Payload", "n.$", to="States.MathAdd(1,2)"),
            "Validate: States.MathAdd is not used here",
        ),
        (
            change("States", "Deliver-r0", "Next", to="Validate"),
            "Validate: it is in a cycle, which has no bound",
        ),
    ],
)
def test_a_seeded_fault_is_found(seed: Callable[[Json], None], said: str) -> None:
    machine = sound()
    assert problems(machine) == ()
    seed(machine)
    sentences = [str(problem) for problem in problems(machine)]
    assert any(said in sentence for sentence in sentences), sentences
    with pytest.raises(ValueError, match=re.escape(said)):
        validate(machine)


def test_the_names_of_glues_faults_are_those_of_its_service_model() -> None:
    model = Session().get_service_model("glue")
    shapes = model.operation_model("StartJobRun").error_shapes
    documented = {f"Glue.{shape.name}" for shape in shapes}
    assert set(GLUE) - documented <= {"Glue.AccessDeniedException"}
    assert documented <= set(GLUE)


def test_a_definition_is_small() -> None:
    """Step Functions, quotas: 1 MB of definition."""
    text = asl.text(asl.machine(made(sources=40, models=40, reports=40)))
    assert len(text.encode()) < 1_000_000
    assert json.loads(text)["StartAt"] == "Begin"

"""
Refuses a state machine that Step Functions would refuse, or would accept to our harm.

A dangling `Next` is found by no linter and by no emulator (aws.md N13, aws-local.md L18). Beside
the language's own rules stand the rules of this house: everything that has a default which would
surprise is written out, and only what two interpreters agree on is used (aws-local.md 4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from puntual.infra.bound import Document, ahead
from puntual.infra.places import LONGEST_NAME
from puntual.model.flow import ALL, DATA_LIMIT_EXCEEDED, DIED, TASK_FAILED
from puntual.planner.flow import ERROR_NAMES, LAMBDA
from puntual.planner.wellformed import LONGEST, LONGEST_DELAY, RESERVED

_FLOWS = frozenset({"Next", "End"})
_PATHS = frozenset({"Type", "Comment", "InputPath", "OutputPath"})
_RESULT = frozenset({"ResultPath", "Parameters"})
FIELDS: Mapping[str, frozenset[str]] = {
    "Task": _PATHS
    | _FLOWS
    | _RESULT
    | {
        "Resource",
        "ResultSelector",
        "Retry",
        "Catch",
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        "Credentials",
    },
    "Pass": _PATHS | _FLOWS | _RESULT | {"Result"},
    "Wait": _PATHS | _FLOWS | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Choice": _PATHS | {"Choices", "Default"},
    "Succeed": _PATHS,
    "Fail": frozenset({"Type", "Comment", "Error", "ErrorPath", "Cause", "CausePath"}),
}
"""Kind of state → the fields that it may have (Amazon States Language, table of state types)."""

USED = frozenset({"Task", "Pass", "Choice", "Succeed", "Fail"})
"""What the compiler writes."""

JSONATA = frozenset({"QueryLanguage", "Assign", "Arguments", "Output"})
"""Fields of the other query language, which interpreters disagree on (aws-local.md 4)."""

_ONE_OF = (
    ("TimeoutSeconds", "TimeoutSecondsPath"),
    ("HeartbeatSeconds", "HeartbeatSecondsPath"),
    ("Error", "ErrorPath"),
    ("Cause", "CausePath"),
    ("Next", "End"),
)
_WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
_RETRY = frozenset(
    {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds"}
    | {"JitterStrategy"}
)
_CATCH = frozenset({"ErrorEquals", "ResultPath", "Next"})
_MACHINE = frozenset({"Comment", "StartAt", "States", "TimeoutSeconds", "Version"})

GLUE = (
    "Glue.AccessDeniedException",
    "Glue.ConcurrentRunsExceededException",
    "Glue.EntityNotFoundException",
    "Glue.InternalServiceException",
    "Glue.InvalidInputException",
    "Glue.OperationTimeoutException",
    "Glue.ResourceNumberLimitExceededException",
)
"""What StartJobRun answers (service model of botocore), by the rule of aws.md E9."""

KNOWN_ERRORS = frozenset({*RESERVED, *ERROR_NAMES.values(), DIED, *LAMBDA, *GLUE})
"""Names that may stand in `ErrorEquals`: the language's, the services' documented ones, ours."""

REFERENCES = frozenset(
    {
        "$.run",
        "$.job",
        "$.error",
        "$.failed",
        "$.failed.Error",
        "$.failed.Cause",
        "$.rescue.fault",
        "$.rescue.reports",
        "$$.Execution.Id",
    }
)
"""What a task may be given of the machine's state: names, words and pointers, never rows."""

_INTRINSICS = frozenset({"States.Format", "States.JsonToString"})
_REFERENCE = re.compile(r"\$(\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]+\]|\['[^'\[\]]+'\])*")
_SUBSTITUTION = re.compile(r"\$\{(?![A-Za-z0-9_]+\})")
_COMPARISON = re.compile(
    r"(String|Numeric|Timestamp|Boolean)(Equals|LessThan|GreaterThan|LessThanEquals"
    r"|GreaterThanEquals)(Path)?|StringMatches|Is(Null|Present|Numeric|String|Boolean|Timestamp)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    What is wrong with a machine.

    Attributes:
        where: The state's name; "" for the machine.
        what: In a sentence.
        house: It is a rule of this house, not of the language.
    """

    where: str
    what: str
    house: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


def read(text: str) -> Document:
    """
    Return a definition from its text.

    Raises:
        ValueError: It is no JSON object, or a key stands twice.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in found]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"a key stands twice: {', '.join(twice)}")
        return dict(found)

    document = json.loads(text, object_pairs_hook=pairs)
    if not isinstance(document, dict):
        raise ValueError("the definition is no JSON object")  # noqa: TRY004 - of a text, not a type
    return document


def validate(definition: Document) -> None:
    """
    Refuse a definition that is not right.

    Raises:
        ValueError: With every problem; a definition is made by the program, so it is a bug.
    """
    found = problems(definition)
    if found:
        raise ValueError("; ".join(map(str, found)))


def problems(definition: Document) -> tuple[Problem, ...]:
    """
    Return what is wrong with a definition; none if it is right.

    Source: Amazon States Language; `aws.md` F1 to F6, E1 to E8, C1 to C5, section 6.
    """
    states = definition.get("States")
    if not isinstance(states, dict) or not states:
        return (Problem(where="", what="there are no states"),)
    found = [
        Problem(where="", what=f"a machine has no field {name}", house=name in JSONATA)
        for name in definition
        if name not in _MACHINE
    ]
    if definition.get("StartAt") not in states:
        found.append(Problem(where="", what="StartAt is no state"))
    for name, state in states.items():
        if not isinstance(state, dict) or state.get("Type") not in FIELDS:
            kind = state.get("Type") if isinstance(state, dict) else state
            found.append(Problem(where=name, what=f"{kind} is not used here", house=True))
    if found:
        return tuple(found)
    for name, state in states.items():
        sentences = (*_language(name, state, states), *_texts(state))
        found += [Problem(where=name, what=what) for what in sentences]
        found += [Problem(where=name, what=what, house=True) for what in _house(state)]
    if not any(not problem.house for problem in found):
        found += _graph(definition["StartAt"], states)
    return tuple(found)


def _language(name: str, state: Document, states: Document) -> Iterator[str]:
    kind = state["Type"]
    unknown = (key for key in state if key not in FIELDS[kind] | JSONATA)
    yield from (f"{kind} has no field {key}" for key in unknown)
    yield from (f"{a} and {b} exclude each other" for a, b in _ONE_OF if a in state and b in state)
    if len(name) > LONGEST_NAME:
        yield f"its name has more than {LONGEST_NAME} characters"
    if kind in ("Task", "Pass", "Wait") and not ("Next" in state or state.get("End") is True):
        yield "it has neither Next nor End"
    if kind == "Task" and "Resource" not in state:
        yield "a Task needs a Resource"
    if kind == "Wait" and sum(key in state for key in _WAITS) != 1:
        yield "a Wait needs one length"
    for key in ("TimeoutSeconds", "HeartbeatSeconds"):
        if key in state and not _whole(state[key], 1, LONGEST):
            yield f"{key} is no whole number up to {LONGEST}"
    if "ResultPath" in state:
        yield from _path("ResultPath", state["ResultPath"])
    for key in ("Parameters", "ResultSelector"):
        yield from _template(state.get(key))
    yield from _errors("Retry", state.get("Retry", ()), _RETRY)
    yield from _errors("Catch", state.get("Catch", ()), _CATCH)
    for entry in state.get("Retry", ()):
        yield from _retrier(entry)
    if kind == "Choice":
        yield from _choices(state.get("Choices"))
    try:
        leads = tuple(ahead(state))
    except (KeyError, TypeError):
        yield "an entry of Choices or Catch leads nowhere"
        return
    yield from (f"{to} is no state" for to in leads if to not in states)


def _path(key: str, value: object) -> Iterator[str]:
    if value is not None and not (isinstance(value, str) and _REFERENCE.fullmatch(value)):
        yield f"{key} is no reference path: {value}"


def _texts(state: object) -> Iterator[str]:
    for text in _leaves(state):
        if isinstance(text, str) and _SUBSTITUTION.search(text):
            yield f"a substitution is not closed: {text}"


def _template(value: object) -> Iterator[str]:
    for key, inner in _keyed(value):
        if key.endswith(".$") and not (
            isinstance(inner, str) and inner.startswith(("$", "States."))
        ):
            yield f"{key} is no path and no intrinsic function: {inner}"


def _errors(what: str, entries: object, fields: frozenset[str]) -> Iterator[str]:
    if not isinstance(entries, list | tuple):
        yield f"{what} is no list"
        return
    for entry in entries:
        yield from (f"{what} has no field {key}" for key in entry if key not in fields)
        names = entry.get("ErrorEquals")
        if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
            yield f"ErrorEquals of {what} is no list of names"
            continue
        if ALL in names and (len(names) > 1 or entry is not entries[-1]):
            yield f"{ALL} is not alone or not last in {what}"
        for name in names:
            if name.startswith("States.") and name not in RESERVED:
                yield f"{name} is no name of the language"


def _retrier(entry: Document) -> Iterator[str]:
    for key, low, high in (
        ("IntervalSeconds", 1, LONGEST),
        ("MaxAttempts", 0, LONGEST),
        ("MaxDelaySeconds", 1, LONGEST_DELAY),
    ):
        if key in entry and not _whole(entry[key], low, high):
            yield f"{key} is no whole number from {low} to {high}"
    rate = entry.get("BackoffRate", 2)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 1:
        yield "BackoffRate is less than 1"
    if entry.get("JitterStrategy", "NONE") not in ("NONE", "FULL"):
        yield "JitterStrategy is neither NONE nor FULL"


def _choices(rules: object, *, top: bool = True) -> Iterator[str]:
    if not isinstance(rules, list) or not rules:
        yield "a Choice needs choices"
        return
    for rule in rules:
        inner = rule.get("And") or rule.get("Or") or ([rule["Not"]] if "Not" in rule else None)
        if inner is not None:
            yield from _choices(inner, top=False)
            continue
        compared = [key for key in rule if _COMPARISON.fullmatch(key)]
        others = [k for k in rule if k not in (*compared, "Variable", "Next", "Comment")]
        if len(compared) != 1 or others or not str(rule.get("Variable", "")).startswith("$"):
            yield f"a choice is no comparison of a variable: {rule}"
        if top and "Next" not in rule:
            yield "a choice leads nowhere"


def _house(state: Document) -> Iterator[str]:
    """What the language allows and we do not; each with the row that says why."""
    if state["Type"] not in USED:
        yield f"{state['Type']} is not used here"
    yield from (f"{key} is not used here" for key in sorted(JSONATA & state.keys()))
    if any(key in state for key in ("InputPath", "OutputPath")):
        yield "InputPath and OutputPath hide what a state sees"
    if state["Type"] == "Task":
        yield from _task(state)
    if state["Type"] == "Pass" and "ResultPath" not in state:
        yield "without ResultPath what it makes replaces the whole input"
    for key, inner in _keyed(state.get("Parameters")):
        if key.endswith(".$") and isinstance(inner, str):
            yield from _given(key, inner)
    for entry in state.get("Retry", ()):
        missing = sorted(_RETRY - entry.keys())
        if missing:
            yield f"Retry leaves to a default: {', '.join(missing)}"
        elif isinstance(entry["BackoffRate"], float):
            yield "a fractional BackoffRate gives delays that nobody has documented"
    for what in ("Retry", "Catch"):
        named: set[str] = set()
        for entry in state.get(what, ()):
            names = entry.get("ErrorEquals") or ()
            named |= {n for n in names if isinstance(n, str)}
            if TASK_FAILED in names and DATA_LIMIT_EXCEEDED not in named:
                yield f"{what} names {TASK_FAILED} but not {DATA_LIMIT_EXCEEDED} (E8)"
        if unknown := sorted(named - KNOWN_ERRORS):
            yield f"{what} names what nobody raises: {', '.join(unknown)}"


def _task(state: Document) -> Iterator[str]:
    if not isinstance(state.get("Resource", ""), str):
        yield "Resource is no text"
    if "TimeoutSeconds" not in state:
        yield "without TimeoutSeconds it waits three years (C3)"
    if not state.get("Retry"):
        yield "without Retry a fault of the service ends the day"
    if not state.get("Catch"):
        yield "without Catch its fault is told by nobody"
    for entry in state.get("Catch", ()):
        if entry.get("ResultPath") in (None, "$"):
            yield "without ResultPath a Catch replaces the whole input (C2)"
    if "ResultPath" not in state or state["ResultPath"] == "$":
        yield "without ResultPath its answer replaces the whole input"
    elif state["ResultPath"] is not None and "ResultSelector" not in state:
        yield "without ResultSelector its whole answer is kept (C5)"


def _given(key: str, value: str) -> Iterator[str]:
    if value == "$" and key == "input.$":
        return  # what the execution was started with, which Begin reads
    functions = re.findall(r"States\.[A-Za-z]+", value)
    if other := sorted(set(functions) - _INTRINSICS):
        yield f"{', '.join(other)} is not used here"
    paths = re.findall(r"\$[$A-Za-z0-9_.\[\]']*", value)
    if other := sorted({p for p in paths if p not in REFERENCES}):
        yield f"{key} gives more than references: {', '.join(other)}"


def _graph(start: str, states: Document) -> Iterator[Problem]:
    reached = _from(start, states)
    for name in states:
        if name not in reached:
            yield Problem(where=name, what="it is never reached")
    ends = {n for n, s in states.items() if s["Type"] in ("Succeed", "Fail") or s.get("End")}
    if not ends & reached:
        yield Problem(where="", what="no state ends the machine")
    for name in sorted(reached):
        beyond = {far for near in ahead(states[name]) for far in _from(near, states)}
        if name in beyond:
            yield Problem(where=name, what="it is in a cycle, which has no bound", house=True)


def _from(start: str, states: Document) -> set[str]:
    seen: set[str] = set()
    stack = [start]
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack += ahead(states[name])
    return seen


def _keyed(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _keyed(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keyed(inner)


def _leaves(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

"""What a step does and how long it may take, in plain words, as `puntual plan` prints it."""

from __future__ import annotations

from fractions import Fraction
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
from puntual.model.project import Project
from puntual.model.run import StepTimes
from puntual.model.source import (
    Control,
    ControlFile,
    ControlSnapshot,
    DatabaseSource,
    FileSource,
    NoControl,
    Source,
    StreamSource,
)


def describe(step: Step, project: Project) -> str:
    """Say in one sentence what a step does in this project."""
    match step:
        case Land():
            source = project.sources[step.source]
            return f"Keep {_origin(source)} unchanged and seal it {_control(source.control)}."
        case Curate():
            return _curate(step, project)
        case Build():
            model = project.models[step.model]
            return f"Make {step.model} from {_list(model.inputs)} by {model.file}."
        case Validate():
            return f"Measure and judge {_many(len(project.checks), 'check')} on the curated day."
        case Load():
            return (
                f"Replace the day's rows of {step.table} in {project.warehouse.kind}"
                " in one transaction."
            )
        case Reconcile():
            controls = _many(len(project.controls), "declared control")
            return f"Compare every hop from source to warehouse, and {controls}."
        case Decide():
            return f"Decide whether {step.report} is delivered{_by_policy(step, project)} or held."
        case MakeReport():
            report = project.reports[step.report]
            return f"Write {step.report} by {report.file}, read it back and tie its totals."
        case Attest():
            return f"Make the exceptions document and the statement of {step.report}."
        case Deliver():
            places = tuple(d.path for d in project.reports[step.report].destinations)
            return f"Hand {step.report} and its evidence to {_list(places) or 'no destination'}."
        case Rehearse():
            plan_b = project.reports[step.report].emergency
            file = plan_b.file if plan_b else "emergency.sql"
            return f"Make {step.report} by {file} on raw alone, and compare it with what was sent."
        case _:
            assert_never(step)


def _by_policy(step: Decide, project: Project) -> str:
    names = sorted(p.name for p in project.policies.values() if p.report == step.report)
    return f" in full, in part by {_list(tuple(names))}," if names else " in full"


def length(seconds: int | Fraction) -> str:
    """Say a length of time, rounded up to whole seconds: `4 h 27 min 25 s`."""
    whole = -(-seconds // 1)
    sign, whole = ("-" if whole < 0 else ""), abs(whole)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    return sign + (" ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s")


def attempts(times: StepTimes) -> str:
    """Say how often a step is tried, and how long each time: `3 × 5 min`."""
    return f"{1 + times.retries} × {length(times.timeout)}"


def _curate(step: Curate, project: Project) -> str:
    contract = project.contracts[step.dataset]
    once = f", keep one row of each ({', '.join(contract.key)})" if contract.key else ""
    return f"Parse {step.dataset} by {contract.file}, set aside what does not fit{once}."


def _origin(source: Source) -> str:
    match source:
        case StreamSource():
            return f"the day's records of the stream {source.stream}"
        case FileSource():
            return f"the files {source.pattern}"
        case DatabaseSource():
            return f"the rows of {source.name}, read from its database in one snapshot,"
        case _:
            assert_never(source)


def _control(control: Control) -> str:
    match control:
        case ControlFile():
            return f"against the control record {control.pattern}"
        case ControlSnapshot():
            return "against the count and sums of the same snapshot"
        case NoControl():
            return f"unverified, for it has no control record ({control.reason})"
        case _:
            assert_never(control)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)

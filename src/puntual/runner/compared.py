"""
The controls that read a report's file, measured when the last of their reports is made.

Of two reports that tie, the one that is made last (by name) is held when they do not agree; the
other may have been delivered by then. It is judged against what stands: the other's file of this
very run, or else the version of it that was sent last. A file that was held is no side of a tie
(`docs/why/reconciliation.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from puntual.checks.control import not_due
from puntual.errors import ProjectError
from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.evidence.manifest import encode as encode_manifest
from puntual.model.check import OnFail
from puntual.model.control import ControlResult, ControlRule, ControlState, ReportSide
from puntual.model.manifest import Digest
from puntual.model.plan import Attest, Decide, Deliver, MakeReport
from puntual.model.report import Layout
from puntual.planner.obligation import is_owed
from puntual.render.readback import ReadBack, read_back
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published
from puntual.runner.measure import ReportRows, side_name
from puntual.runner.reconcile import measure
from puntual.runner.restate import version_of
from puntual.runner.sources import holding
from puntual.runner.versions import LAYOUT
from puntual.runner.work import inputs_of, key_of
from puntual.runner.world import DayRun

TIED = "tied:"
"""Among the inputs of a report's manifest: that of another report, which it was judged against."""


CONTROLS = "controls"
"""Among the inputs of a report's manifest: the controls that were due with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """
    What stands of another report that a tie reads.

    Attributes:
        made: What made its file; None where there is none to compare with.
        is_sent: It is sent, by this run or before it.
        why: Why there is none.
        is_due: One is waited for; else the tie is not judged.
    """

    made: Published | None
    is_sent: bool = False
    why: str = ""
    is_due: bool = True


def controls_of(
    run: DayRun, step: MakeReport, inputs: Mapping[str, Digest], rows: ReportRows | None
) -> tuple[tuple[ControlResult, ...], dict[str, object]]:
    """
    Measure and judge the controls that are due when this report is made.

    Args:
        run: The day.
        step: Makes the report.
        inputs: What goes into it: `files_compared` among it.
        rows: Its file as it was read back; None where it could not be written or read.

    Returns:
        The results by id, and what the step's manifest says of them; nothing where none are due.

    Raises:
        EvidenceError: V1001, V1002 the file of another report is missing or altered.
        PermanentError: The warehouse refuses; the engine cannot.
        TransientError: The warehouse does not answer.
    """
    if CONTROLS not in inputs:
        return (), {}
    rules = _due(run, step.report)
    others = {n: _beside(run, step.report, n) for n in _others(rules, step.report)}
    files: dict[str, ReportRows | str] = {} if rows is None else {step.report: rows}
    files |= {n: _rows_of(run, rules, n, found) for n, found in others.items()}
    idle = {rule.id: why for rule in rules if (why := _idle(rule, others))}
    judged = [rule for rule in rules if rule.id not in idle]
    results, facts = measure(run, judged, step=step.id, reports=files)
    told = [_with_way_out(run, step.report, result, others) for result in results]
    told += [
        not_due(r, side_name(r.left, files), side_name(r.right, files), idle[r.id])
        for r in rules
        if r.id in idle
    ]
    every = tuple(sorted(told, key=lambda result: result.id))
    return every, facts | {"controls": to_json(every)}


def files_compared(run: DayRun, report: str, own: Mapping[str, Digest]) -> dict[str, Digest]:
    """
    Return what a report's controls depend on: themselves, and what stands of the other reports.

    That is for each its file (`file:`) and the manifest that made it (`tied:`), or why there is
    none (`untied:`).

    Args:
        run: The day.
        report: Which report.
        own: What else of the project its file depends on.

    Returns:
        By name; nothing where no control is due with this report.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    rules = _due(run, report)
    if not rules or _is_judged(run, report, rules, own):
        return {}
    found: dict[str, Digest] = {}
    for name in _others(rules, report):
        beside = _beside(run, report, name)
        if beside.made is None:
            found[f"untied:{name}"] = sha256(beside.why.encode())
        else:
            found[f"file:{name}"] = beside.made.manifest.of_role("report")[0].sha256
            found[f"{TIED}{name}"] = beside.made.digest
    return found | {CONTROLS: _digest_of(rules)}


def report_rows(layout: Layout, back: ReadBack, version: int) -> ReportRows:
    """Return the rows of a version's file that was read back, by the names of its fields."""
    names = [field.name for field in layout.detail]
    columns = dict(zip(names, back.columns, strict=True))
    records = len(back.columns[0]) if back.columns else 0
    return ReportRows(columns=columns, records=records, version=version)


def _due(run: DayRun, report: str) -> tuple[ControlRule, ...]:
    """
    Return the controls of which this is the last report that the plan makes, by id.

    In a replay they are those that were judged with it on the day: which reports a run had to
    make cannot be told from what came of it.
    """
    rules = _sorted(run)
    recorded = run.recorded.get(MakeReport(report=report).id)
    if recorded is not None:
        then = list_from_json(ControlResult, recorded.facts.get("controls", []))
        known = {result.id for result in then}
        return tuple(rule for rule in rules if rule.id in known)
    planned = set(run.plan.reports)
    return tuple(r for r in rules if max(r.reports & planned, default=None) == report)


def _is_judged(
    run: DayRun, report: str, rules: tuple[ControlRule, ...], own: Mapping[str, Digest]
) -> bool:
    """
    Say whether the other reports were sent after they had been judged against this very file.

    It stands as it was made, with the signatures that people have given to it.
    """
    step = MakeReport(report=report).id
    made = None if run.recorded else checkpoint.read(run.world, step, run.date)
    if made is None or made.manifest.key != key_of(run, step, inputs_of(run, step, own)):
        return False
    for other in _others(rules, report):
        sent = checkpoint.read(run.world, Deliver(report=other).id, run.date)
        if other in run.plan.reports or sent is None:
            return False
        judged = _published(run, sent.manifest.inputs[MakeReport(report=other).id]).manifest
        ids = {r.id for r in list_from_json(ControlResult, judged.facts.get("controls", []))}
        of_both = {rule.id for rule in rules if other in rule.reports}
        as_now = _digest_of(tuple(r for r in _sorted(run) if r.id in ids))
        if (
            judged.inputs.get(f"{TIED}{report}") != made.digest
            or judged.inputs[CONTROLS] != as_now
            or not of_both <= ids
        ):
            return False
    return True


def _sorted(run: DayRun) -> tuple[ControlRule, ...]:
    return tuple(rule for _, rule in sorted(run.project.controls.items()))


def _digest_of(rules: tuple[ControlRule, ...]) -> Digest:
    return sha256(encode(to_json({rule.id: rule for rule in rules})))


def _others(rules: tuple[ControlRule, ...], report: str) -> list[str]:
    return sorted({name for rule in rules for name in rule.reports} - {report})


def _beside(run: DayRun, report: str, other: str) -> _Beside:
    """Return what a report is judged against of another; in a replay, what it was then."""
    step = MakeReport(report=other).id
    mine = run.published.get(step)
    recorded = run.recorded.get(MakeReport(report=report).id)
    if recorded is not None:
        digest = recorded.inputs.get(f"{TIED}{other}")
        if digest is None:
            return _none(run, report, other)
        then = run.recorded.get(step)
        is_rebuilt = then is not None and sha256(encode_manifest(then)) == digest
        return _Beside(made=mine if mine and is_rebuilt else _published(run, digest))
    if mine is not None and not holding(mine.manifest):
        return _Beside(made=mine, is_sent=Deliver(report=other).id in run.published)
    sent = checkpoint.read(run.world, Deliver(report=other).id, run.date)
    if sent is not None:
        return _Beside(made=_published(run, sent.manifest.inputs[step]), is_sent=True)
    waiting = _waiting(run, other) if other not in run.plan.reports else None
    return _none(run, report, other) if waiting is None else _Beside(made=waiting)


def _waiting(run: DayRun, report: str) -> Published | None:
    """Return what made a report that was never sent, is attested, and waits for people."""
    attested = checkpoint.read(run.world, Attest(report=report).id, run.date)
    decided = checkpoint.read(run.world, Decide(report=report).id, run.date)
    if attested is None or decided is None:
        return None
    inputs = attested.manifest.inputs
    stands = inputs[Decide(report=report).id] == decided.digest
    return _published(run, inputs[MakeReport(report=report).id]) if stands else None


def _none(run: DayRun, report: str, other: str) -> _Beside:
    """Say why there is no file of another report, and whether one is waited for."""
    terms = run.project.reports[other].terms
    try:
        owed = is_owed(terms, run.project.calendars[terms.calendar], run.date)
    except ProjectError:
        why = f"the calendar {terms.calendar} does not say whether {other} is owed for {run.date}"
        return _Beside(made=None, why=why)
    if not owed:
        cadence = terms.cadence.value.replace("_", " ")
        why = f"{other} is not owed for {run.date} ({cadence})"
        return _Beside(made=None, why=why, is_due=False)
    if report in run.restatements:
        why = f"{other} has not been sent yet: the tie is judged when it is made"
        return _Beside(made=None, why=why, is_due=False)
    return _Beside(made=None, why=f"no version of {other} was sent for this day")


def _idle(rule: ControlRule, others: Mapping[str, _Beside]) -> str:
    """Return why a control is not judged; "" where it is."""
    found = [others[n] for n in sorted(rule.reports & others.keys())]
    return "; ".join(o.why for o in found if not o.is_due)


def _with_way_out(
    run: DayRun, report: str, result: ControlResult, others: Mapping[str, _Beside]
) -> ControlResult:
    """
    Say how two reports come to agree of which one was sent, or is not made by this run.

    Only of what is held: its words are in no delivery.
    """
    if result.on_fail is not OnFail.HOLD or not result.state.is_open:
        return result
    said = [result.reason]
    for name in sorted(run.project.controls[result.id].reports & others.keys()):
        made, day = others[name].made, run.date.isoformat()
        if made is None and name not in run.plan.reports:
            said.append(f"puntual run -d {day} (without -r) makes both")
        elif made is not None and others[name].is_sent and result.state is ControlState.MISMATCHED:
            what = f"{name} v{version_of(made.manifest)} is what was sent"
            both = " ".join(f"-r {n}" for n in sorted((name, report)))
            said.append(
                f"{what}; both change together by: puntual amend {both} -d {day} "
                "--reason TEXT --yes"
                if report in run.restatements
                else f"{what}; if it is wrong: puntual amend -r {name} -d {day} "
                f"--reason TEXT --yes, then puntual run -d {day}"
            )
    return replace(result, reason="; ".join(said))


def _published(run: DayRun, digest: Digest) -> Published:
    return Published(digest=digest, manifest=checkpoint.by_digest(run.world, digest))


def _rows_of(
    run: DayRun, rules: tuple[ControlRule, ...], report: str, beside: _Beside
) -> ReportRows | str:
    """Return the rows of another report's file, by the layout that wrote it; or why it has none."""
    if beside.made is None:
        return beside.why
    made = beside.made.manifest
    version = version_of(made)
    layout = from_json(Layout, made.facts[LAYOUT])
    columns = made.facts["columns"]
    assert isinstance(columns, list)  # noqa: S101 - written when the report was made
    names, types = [name for name, _ in columns], [kind for _, kind in columns]
    back = read_back(layout, run.world.objects.read(made.of_role("report")[0]), names, types)
    if back.problems:
        return f"{report} v{version} does not read back as it was written"
    rows = report_rows(layout, back, version)
    lacking = sorted(_columns_of(rules, report) - rows.columns.keys())
    return f"{report} v{version} has no column {', '.join(lacking)}" if lacking else rows


def _columns_of(rules: tuple[ControlRule, ...], report: str) -> set[str]:
    """Return the columns of a report that controls read."""
    terms = [
        t
        for rule in rules
        for t in (*rule.left, *rule.right)
        if isinstance(t.side, ReportSide) and t.side.report == report
    ]
    asked = {c for t in terms for a in t.asked for c in a.columns}
    return asked | {c for t in terms for c in (*t.by, *t.rows)}

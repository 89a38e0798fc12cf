"""The step that proves the curated day: every check measured, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from puntual.checks.judge import judge
from puntual.evidence.facts import to_json
from puntual.model.check import Check, OnFail, Severity, Unique
from puntual.model.contract import Contract
from puntual.model.finding import Finding, Verdict
from puntual.model.manifest import Digest, Manifest, ObjectRef
from puntual.model.plan import Validate
from puntual.ports.engine import Answer, Day
from puntual.runner.work import key_of, manifest, prefix, scratch
from puntual.runner.world import DayRun


def validate(run: DayRun, step: Validate, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Measure every check on the curated day, and judge.

    A rule that cannot be measured is a fault of the machine and stops the step; it never
    becomes a failed rule (`traps.md` 2).

    Raises:
        PermanentError: Q1001 a rule's SQL failed; the engine cannot.
    """
    day = run.day(tuple(run.project.contracts) + tuple(run.project.models))
    where = prefix(run, "validate", "offending", key_of(run, step.id, inputs))
    findings: list[Finding] = []
    objects: list[ObjectRef] = []
    for check in _checks(run):
        finding, found = _measure(run, step, check, day, where)
        findings.append(finding)
        objects += found
    counted = ((one, _conflicts(run, name)) for name, one in run.project.contracts.items())
    findings += [conflict(contract, count) for contract, count in counted if count]
    return manifest(
        run,
        step.id,
        dataset="findings",
        inputs=inputs,
        objects=tuple(objects),
        facts={"findings": to_json(tuple(findings))},
    )


def _checks(run: DayRun) -> tuple[Check, ...]:
    """Return the declared checks and, for each model with a key, that the key is one."""
    declared = tuple(run.project.checks[i] for i in sorted(run.project.checks))
    said = {(c.dataset, c.rule) for c in declared if c.on_fail is OnFail.HOLD}
    keys = tuple(
        Check(
            id=f"{name}_key",
            dataset=name,
            rule=Unique(columns=model.key),
            description=f"The key of {name} stands once.",
        )
        for name, model in run.project.models.items()
        if model.key and (name, Unique(columns=model.key)) not in said
    )
    return declared + keys


def _measure(
    run: DayRun, step: Validate, check: Check, day: Day, where: str
) -> tuple[Finding, list[ObjectRef]]:
    with scratch(run, f"{step.id}-{check.id}") as folder:
        offending = run.world.engine.offending(check, run.measures(check.dataset), day, folder)
        stored = []
        if offending.path:
            stored.append(
                run.world.objects.put_file(
                    where,
                    offending.path,
                    suffix=".parquet",
                    records=offending.rows,
                    role="offending",
                    detail={
                        "check": check.id,
                        "dataset": check.dataset,
                        "on_fail": check.on_fail.value,
                    },
                )
            )
    measured_on = run.curated(check.dataset).totals.records
    finding = judge(check, offending, measured_on)
    if check.on_fail is OnFail.QUARANTINE and offending.rows:
        finding = _only_if_removable(run, check, finding, stored)
    return finding, stored


def _only_if_removable(
    run: DayRun, check: Check, finding: Finding, stored: list[ObjectRef]
) -> Finding:
    """
    Return the finding, unknown where its rows cannot all be set aside by their places.

    A rule may return rows without a place, or places that no row has; then the rows would stay
    in the report while the finding says that they left.
    """
    places = tuple(run.world.objects.locate(o) for o in stored)
    files = run.files(check.dataset)
    kept = run.world.engine.totals(files, (), (), algorithm="", without=places)
    removed = run.curated(check.dataset).totals.records - kept.records
    if removed == finding.rows:
        return finding
    return replace(
        finding,
        code="Q2005",
        verdict=Verdict.UNKNOWN,
        message=f"{check.id} found rows that cannot be set aside by their place",
        expected=f"{finding.rows} rows of {check.dataset}, each with its place",
        observed=f"{removed} that can be set aside",
    )


def _conflicts(run: DayRun, dataset: str) -> int:
    return int(str(run.manifest(f"curate:{dataset}").facts["conflicts"]))


def conflict(contract: Contract, count: int) -> Finding:
    """Return what is found where records have the key of another one and other content."""
    return Finding(
        code="Q2004",
        rule=f"{contract.dataset}_conflicts",
        dataset=contract.dataset,
        verdict=Verdict.FAIL,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
        message=f"{count} records have the key of another record and other content",
        expected="records of one key that are equal",
        observed=f"{count} that differ; the {contract.keep.value} one was kept",
        rows=count,
    )


def number(answer: Answer) -> Decimal | None:
    """Return the one exact number of an answer; None if it is no single number."""
    if len(answer.columns) != 1 or len(answer.columns[0]) != 1:
        return None
    value = answer.columns[0][0]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)

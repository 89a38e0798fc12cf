"""What a day's reconciliation committed: hops, controls, findings, planted faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Context, Decimal
from difflib import get_close_matches
from functools import reduce

from puntual.checks.reconcile import DIGITS, is_broken, is_unknown
from puntual.cli.text import in_env
from puntual.errors import ProjectError
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.check import Severity
from puntual.model.control import ControlKind, ControlResult, Hop
from puntual.model.finding import Finding
from puntual.model.manifest import Manifest
from puntual.model.planted import PlantedFault

PLANTED = frozenset({"R5001", "R5002", "R5004", "R5005", "R5006"})
"""Codes of findings about the comparisons themselves: no break of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """
    A day as its steps committed it.

    Attributes:
        day: The reference date.
        hops: Up to the warehouse, then to each file.
        controls: By kind, then id.
        findings: Of hops, controls and planted faults; passes too.
        planted: Who sees which planted fault; None where the run planted none.
        dataset: The one whose hops these are; "" for all.
        elsewhere: Hops of the other datasets.
        env: The environment that was looked into, for what a person is told to do next.
    """

    day: date
    hops: tuple[Hop, ...]
    controls: tuple[ControlResult, ...]
    findings: tuple[Finding, ...]
    planted: tuple[PlantedFault, ...] | None
    dataset: str = ""
    elsewhere: tuple[Hop, ...] = ()
    env: str | None = None

    @property
    def first_break(self) -> Hop | None:
        """The first hop that leaves a residual or has other keys."""
        return next((h for h in self.hops if is_broken(h)), None)

    @property
    def ok(self) -> bool:
        """Whether every hop and control agrees; a fault that nobody sees breaks nothing."""
        standing = (f for f in self.findings if f.code not in PLANTED)
        hops = any(is_broken(h) or is_unknown(h) for h in (*self.hops, *self.elsewhere))
        return not hops and not any(f.verdict.is_open for f in standing)


def reconciled(
    committed: Mapping[str, Manifest],
    day: date,
    *,
    dataset: str | None = None,
    env: str | None = None,
) -> Reconciled:
    """
    Read what a day's reconciliation committed.

    Args:
        committed: The day's manifests, by step.
        day: The reference date.
        dataset: Only this dataset's hops.
        env: The environment that is looked into.

    Raises:
        ProjectError: C1005 the day did not come as far as its reconciliation; R5003 it has no
            such dataset.
        EvidenceError: V2003 a manifest has another shape.
    """
    if "reconcile" not in committed:
        raise ProjectError(
            "C1005",
            f"the run of {day.isoformat()} did not come as far as its reconciliation",
            expected="a committed step reconcile",
            observed=", ".join(sorted(committed)),
            next_step=f"{in_env('run', env)} -d {day.isoformat()}",
        )
    facts = committed["reconcile"].facts
    reports = [committed[s].facts for s in sorted(committed) if s.startswith("report:")]
    hops = list_from_json(Hop, facts["hops"])
    controls = list_from_json(ControlResult, facts.get("controls", []))
    findings = list_from_json(Finding, facts["findings"])
    for made in reports:
        hops += list_from_json(Hop, made["ties"])
        controls += list_from_json(ControlResult, made.get("controls", []))
        findings += _of_reconciliation(list_from_json(Finding, made["findings"]))
    kinds = list(ControlKind)
    planted = facts.get("planted")
    if dataset is not None:
        check_dataset(dataset, (h.dataset for h in hops), day)
    return Reconciled(
        day=day,
        env=env,
        dataset=dataset or "",
        hops=tuple(h for h in hops if dataset in (None, h.dataset)),
        elsewhere=tuple(h for h in hops if dataset not in (None, h.dataset)),
        controls=tuple(sorted(controls, key=lambda c: (kinds.index(c.kind), c.id))),
        findings=findings,
        planted=None if planted is None else list_from_json(PlantedFault, planted),
    )


def json_of(found: Reconciled) -> dict[str, object]:
    """Return a day as JSON values; numbers are strings."""
    return {
        "reference_date": found.day.isoformat(),
        "hops": [_hop_json(h) for h in found.hops],
        "first_break": None if found.first_break is None else _hop_json(found.first_break),
        "controls": to_json(found.controls),
        "findings": to_json(found.findings),
        "planted": to_json(found.planted),
    }


def _hop_json(hop: Hop) -> dict[str, object]:
    """Return a hop; of a tie of a column, the rows of the left side are null: nobody counted."""
    value = {f.name: to_json(getattr(hop, f.name)) for f in fields(hop)}
    if hop.before is not None and not hop.counted:
        before = {f.name: to_json(getattr(hop.before, f.name)) for f in fields(hop.before)}
        value["before"] = before | {"records": None}
    return value


def check_dataset(name: str, known: Iterable[str], day: date) -> None:
    """
    Refuse a dataset that a day does not have: nothing to show is not nothing wrong.

    Raises:
        ProjectError: R5003, with the nearest name.
    """
    names = sorted(set(known))
    if name in names:
        return
    near = get_close_matches(name, names, 1)
    raise ProjectError(
        "R5003",
        f"{day.isoformat()} has no dataset {name!r}",
        expected=", ".join(names),
        observed=name,
        next_step=f"did you mean {near[0]!r}?" if near else "`puntual reconcile` shows them all",
    )


def _of_reconciliation(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.code.startswith("R"))


def total(values: Iterable[Decimal | int]) -> Decimal:
    """Add numbers up exactly."""
    return reduce(Context(prec=DIGITS).add, map(Decimal, values), Decimal(0))


def hop_name(hop: Hop) -> str:
    """Return what a hop is called: `movements: curated → warehouse`."""
    return f"{hop.dataset}: {hop.left} → {hop.right}"


def hop_state(hop: Hop) -> str:
    """Return how a hop stands: `agrees`, `explained`, `broken` or `unknown`."""
    if is_broken(hop):
        return "broken"
    if is_unknown(hop):
        return "unknown"
    return "explained" if hop.explained else "agrees"


def control_is_warning(result: ControlResult) -> bool:
    """Say whether a control that does not agree is a warning and no failure."""
    return result.severity is Severity.WARN and result.state.is_open

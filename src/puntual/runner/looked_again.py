"""
Whether what a committed step compared may be another now, though all that went into it is not.

Two things stand in no step's key: what somebody does to a table of the warehouse, and what a
source database answers. Both are looked at again while a report is still to be made or sent.
"""

from __future__ import annotations

from collections.abc import Mapping

from puntual.errors import PermanentError
from puntual.evidence.facts import list_from_json
from puntual.model.control import ControlResult, ControlRule, ControlState, DatabaseSide, Hop
from puntual.model.manifest import Manifest, Totals
from puntual.model.plan import MakeReport, Reconcile
from puntual.runner import reconcile, sending
from puntual.runner.world import DayRun


def is_open(run: DayRun, step: Reconcile | MakeReport, made: Manifest) -> bool:
    """
    Say whether a step compares again what it has compared for the same inputs.

    Args:
        run: The day.
        step: Which.
        made: What it has committed.

    Raises:
        PermanentError: R6001, R6002 a column of a loaded table is not exact any more, or not there;
            T4002 a loaded table cannot be measured any more.
        TransientError: The warehouse does not answer.
    """
    reports = run.plan.reports if isinstance(step, Reconcile) else (step.report,)
    if not any(sending.is_owed(run, report) for report in reports):
        return False
    if reconcile.is_unanswered(made) or _may_be_corrected(run, made):
        return True
    return isinstance(step, Reconcile) and not _is_as_measured(run, made)


def answered(made: Manifest) -> Mapping[str, object]:
    """
    Return what source databases have answered to the controls of a step that matched, by term.

    It stays when the step is done again for the same inputs: a database moves on, and what has
    agreed with it is not held by what it says later.
    """
    found = made.facts.get("databases")
    if not isinstance(found, Mapping):
        return {}
    matched = {r.id for r in _results(made) if r.state is ControlState.MATCHED}
    return {name: said for name, said in found.items() if name.rsplit(":", 2)[0] in matched}


def _may_be_corrected(run: DayRun, made: Manifest) -> bool:
    """Say whether a control does not agree with a source database, which may be corrected."""
    return any(
        result.state is not ControlState.MATCHED
        and _asks_a_database(run.project.controls[result.id])
        for result in _results(made)
    )


def _asks_a_database(rule: ControlRule) -> bool:
    return any(isinstance(term.side, DatabaseSide) for term in (*rule.left, *rule.right))


def _results(made: Manifest) -> tuple[ControlResult, ...]:
    return list_from_json(ControlResult, made.facts.get("controls", []))


def _is_as_measured(run: DayRun, made: Manifest) -> bool:
    """Say whether every loaded table holds what the committed hops say that it held."""
    hops = list_from_json(Hop, made.facts["hops"])
    held = {hop.dataset: hop.after for hop in hops if hop.right == "warehouse"}
    return all(held.get(table) == _held_now(run, table) for table in run.project.warehouse.tables)


def _held_now(run: DayRun, table: str) -> Totals:
    """
    Measure a loaded table; a fault that an altered table has says how it is loaded anew.

    Raises:
        PermanentError: R6001, R6002, T4002.
        TransientError: The warehouse does not answer.
    """
    try:
        return reconcile.loaded(run, table)
    except PermanentError as fault:
        if fault.code in _ALTERED:
            fault.next_step = (
                f"The table was measured when the day was reconciled. If it was altered since: "
                f"puntual run --from load:{table} -d {run.date.isoformat()}"
            )
        raise


_ALTERED = frozenset({"T4002", "R6001", "R6002"})

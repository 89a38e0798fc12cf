"""The load step: the day's rows replace the day's rows, without what a check set aside."""

from __future__ import annotations

from collections.abc import Mapping

from puntual.model.check import OnFail
from puntual.model.manifest import Digest, Manifest, Totals
from puntual.model.plan import Load
from puntual.ports.warehouse import LoadOrder
from puntual.runner.work import key_of, manifest
from puntual.runner.world import DayRun


def without(run: DayRun, dataset: str) -> tuple[str, ...]:
    """
    Return the files of places that checks set aside from a dataset.

    A place names a row of a source; what a check sets aside leaves that source's curated
    dataset and every model that carries its rows.
    """
    origin = run.origin(dataset)
    if origin is None:
        return ()
    offending = run.manifest("validate").of_role("offending")
    return tuple(
        run.world.objects.locate(o)
        for o in offending
        if o.detail["on_fail"] == OnFail.QUARANTINE.value
        and run.origin(o.detail["dataset"]) == origin
    )


def expected(run: DayRun, dataset: str) -> Totals:
    """Return what the warehouse must hold of a dataset's day, measured on the curated files."""
    left_out = without(run, dataset)
    if not left_out:
        return run.curated(dataset).totals
    return run.world.engine.totals(
        run.files(dataset), (), run.measures(dataset), algorithm="", without=left_out
    )


def load(
    run: DayRun,
    step: Load,
    inputs: Mapping[str, Digest],
    *,
    anew: bool = False,
    name: Digest = "",
) -> Manifest:
    """
    Load one table's day in one transaction.

    Args:
        run: The day.
        step: Which table.
        inputs: What goes into the step.
        anew: Also where the log says that it is there.
        name: What the log calls it; the step's key unless given.

    Raises:
        EvidenceError: R4001 the table does not hold what was expected; nothing changed.
        PermanentError: The warehouse refuses.
        TransientError: It does not answer.
    """
    totals = expected(run, step.table)
    order = LoadOrder(
        table=step.table,
        reference_date=run.date,
        files=run.files(step.table),
        without=without(run, step.table),
        measures=run.measures(step.table),
        expected=totals,
        manifest=name or key_of(run, step.id, inputs),
        epoch=run.epoch,
        anew=anew,
    )
    run.world.warehouse.load(order)
    return manifest(
        run,
        step.id,
        dataset=step.table,
        inputs=inputs,
        totals=totals,
        facts={"loaded": order.manifest, "kind": run.project.warehouse.kind},
    )


def is_loaded(run: DayRun, step: Load, key: str) -> bool:
    """Say whether the warehouse itself still holds this load; a lost file is loaded again."""
    return run.world.warehouse.loaded(step.table, run.date) == key

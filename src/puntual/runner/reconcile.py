"""The step that reconciles a day: every hop of every dataset, and every declared control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Context

from puntual.checks import control as judging
from puntual.checks import reconcile as algebra
from puntual.checks.encoding import ALGORITHM
from puntual.errors import PermanentError, ProjectError
from puntual.evidence.digest import sha256
from puntual.evidence.facts import to_json
from puntual.model.check import Check, RowRule
from puntual.model.control import ControlResult, ControlRule, Explanation, Hop, StagedSide
from puntual.model.manifest import Digest, Manifest, Totals
from puntual.model.plan import Reconcile
from puntual.runner import load as loading
from puntual.runner.explained import explained
from puntual.runner.measure import Readings, ReportRows, before
from puntual.runner.negative import plant
from puntual.runner.profile import profile
from puntual.runner.restate import YESTERDAY
from puntual.runner.shared import PLACE, Shared, shared
from puntual.runner.sources import columns_of, seal_of, set_aside_of
from puntual.runner.work import manifest, scratch
from puntual.runner.world import DayRun


def reconcile(run: DayRun, step: Reconcile, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Compare every hop of every dataset, and every declared control that reads no report's file.

    Raises:
        PermanentError: The warehouse refuses; the engine cannot.
        TransientError: The warehouse does not answer.
    """
    hops = [hop for name in run.project.contracts for hop in _source_hops(run, name)]
    hops += [hop for name in run.project.models for hop in _model_hops(run, name)]
    hops += [_load_hop(run, table) for table in run.project.warehouse.tables]
    rules = [r for _, r in sorted(run.project.controls.items()) if not r.reports]
    results, facts = measure(run, rules, step=step.id)
    planted, blind = plant(run, hops, rules, results)
    models = run.project.models
    alone = (algebra.uncompared(name, models[name].inputs) for name in run.project.uncompared)
    compared = (*algebra.findings_of(tuple(hops)), *map(judging.finding, results))
    findings = (*compared, *blind, *alone)
    facts |= planted | profile(run)
    return manifest(
        run,
        step.id,
        dataset="reconciliation",
        inputs=inputs,
        facts={"hops": to_json(tuple(hops)), "findings": to_json(findings), **facts},
    )


def measure(
    run: DayRun,
    rules: Iterable[ControlRule],
    *,
    step: str,
    reports: Mapping[str, ReportRows | str] | None = None,
) -> tuple[tuple[ControlResult, ...], dict[str, object]]:
    """
    Measure and judge controls.

    Args:
        run: The day.
        rules: The controls.
        step: The id of the step that does it.
        reports: The files of reports, by report; of one that has none, why.

    Returns:
        The results in the order of the rules, and what the step's manifest says of them:
        `controls` (the results), `databases` (what source databases answered), `unanswered`
        ("yes" where one gave none: the step does not stand then, and is done again).
    """
    rules = tuple(rules)
    readings = Readings(run, rules, step=step, reports=reports)
    results = tuple(
        replace(
            judging.judge(
                rule,
                readings.side(rule, "left"),
                readings.side(rule, "right"),
                explained(run, rule, readings),
                run.date,
            ),
            masked=readings.concealment.columns(rule),
        )
        for rule in rules
    )
    facts: dict[str, object] = {"controls": to_json(results)}
    if readings.databases:
        facts["databases"] = dict(sorted(readings.databases.items()))
    if readings.unanswered:
        facts["unanswered"] = "yes"
    return results, facts


def is_unanswered(made: Manifest) -> bool:
    """Say whether a source database gave no answer; it is asked again then."""
    return made.facts.get("unanswered") == "yes"


def yesterdays(run: DayRun) -> dict[str, Digest]:
    """
    Return for each table that is rolled forward which load of the day before the warehouse holds.

    It goes into the step's key, so that a roll-forward that had no yesterday, or whose yesterday
    was loaded otherwise since, is done again.
    """
    found: dict[str, Digest] = {}
    for rule in run.project.controls.values():
        for term in (*rule.left, *rule.right):
            if isinstance(term.side, StagedSide) and term.side.previous:
                day = before(run, rule.calendar)
                load = day and run.world.warehouse.loaded(term.side.dataset, day)
                name = f"{YESTERDAY}{term.side.dataset}"
                found[name] = sha256(f"{day} {load or 'not loaded'}".encode())
    return found


def _source_hops(run: DayRun, source: str) -> tuple[Hop, Hop]:
    """Return source → raw and raw → curated."""
    seal = seal_of(run.manifest(f"land:{source}"))
    control = seal.control
    said = Totals(records=control.count, sums=control.sums) if control else None
    raw = Totals(records=seal.landed.records, sums=seal.landed.sums)
    arrived = algebra.hop(source, "source", "raw", said, raw)
    if control is not None and control.parts:
        arrived = replace(arrived, parts=algebra.parts(control.parts, seal.parts))
    curated = run.manifest(f"curate:{source}")
    aside = tuple(
        Explanation(cause=f"{kind}: {reason}", totals=totals)
        for (kind, reason), totals in set_aside_of(curated).items()
    )
    return (
        arrived,
        algebra.hop(source, "raw", "curated", raw, curated.totals, aside),
    )


def _model_hops(run: DayRun, name: str) -> tuple[Hop, ...]:
    """
    Return curated → model for a model that carries a source's rows one for one.

    Both sides make a digest of their places, and of the keys and measures that both have, so that
    a row that was dropped, doubled or made up, or values that were exchanged between rows, are
    seen even where counts and sums agree.
    """
    origin = run.project.models[name].carries
    if origin is None:
        return ()
    filters = run.project.models[name].filters
    with scratch(run, f"reconcile-{name}") as folder:
        without = filtered(run, name, origin, folder) if filters else ()
        by = shared(run, name, origin, without)
        before = _digested(run, origin, by, without)
        gone = _left_out(run, origin, without) if filters else None
    if filters:
        before = replace(before, records=run.curated(origin).totals.records)
    return (
        algebra.hop(
            name,
            f"curated {origin}",
            "curated",
            before,
            _digested(run, name, by),
            () if gone is None else (Explanation(cause="filtered", totals=gone),),
            digest_of_rest=bool(filters),
            digested=(*PLACE, *by.columns),
            undigested=by.undigested,
            keyed=by.keyed,
        ),
    )


def _left_out(run: DayRun, origin: str, without: tuple[str, ...]) -> Totals:
    """Return what a model's declared filters leave out of its source."""
    kept = run.world.engine.totals(
        run.files(origin), (), run.measures(origin), algorithm="", without=without
    )
    return _less(run.curated(origin).totals, kept)


def filtered(run: DayRun, name: str, origin: str, folder: str) -> tuple[str, ...]:
    """
    Return a file of the places of the rows that a model's declared filters leave out, if any.

    Args:
        run: The day.
        name: The model.
        origin: The source whose rows it carries.
        folder: Where the file is written.
    """
    conditions = " OR ".join(f"({f.rows})" for f in run.project.models[name].filters)
    rule = RowRule(expression=f"({conditions}) IS NOT TRUE")
    check = Check(id=f"{name}_filtered", dataset=origin, rule=rule)
    found = run.world.engine.offending(check, (), run.day((origin,)), folder)
    return (found.path,) if found.path else ()


def _digested(run: DayRun, dataset: str, by: Shared, without: tuple[str, ...] = ()) -> Totals:
    engine = run.world.engine
    found = engine.totals(
        run.files(dataset),
        (*PLACE, *by.columns),
        (),
        algorithm=engine.digest_algorithm if by.types is None else ALGORITHM,
        without=without,
        types=by.types,
    )
    return replace(found, sums=run.curated(dataset).totals.sums)


def _load_hop(run: DayRun, table: str) -> Hop:
    """
    Return curated → warehouse, explained by what checks set aside.

    Both sides are measured on what is stored: the Parquet files and the table.
    """
    left_out = loading.without(run, table)
    columns = _loaded_columns(run, table)
    algorithm = run.world.warehouse.digest_algorithm
    kept = run.world.engine.totals(
        run.files(table), columns, run.measures(table), algorithm=algorithm, without=left_out
    )
    whole = run.curated(table).totals
    after = loaded(run, table)
    aside = _less(whole, kept)
    explained = (Explanation(cause="quarantined: checks", totals=aside),) if left_out else ()
    before = Totals(
        records=whole.records,
        sums=whole.sums,
        key_digest=kept.key_digest,
        algorithm=kept.algorithm,
    )
    return algebra.hop(
        table,
        "curated",
        "warehouse",
        before,
        after,
        explained,
        digest_of_rest=True,
        digested=columns,
        whole=True,
    )


def _loaded_columns(run: DayRun, table: str) -> tuple[str, ...]:
    """
    Return what is digested of a table's day: key and measures, then every other column.

    Where there was no file to load, a table of another day may lack what is new since.
    """
    columns = columns_of(run.curated(table)) if run.files(table) else ()
    return tuple(
        dict.fromkeys((*run.key(table), *run.measures(table), *(name for name, _ in columns)))
    )


def loaded(run: DayRun, table: str) -> Totals:
    """
    Count, sum and digest what the warehouse holds of a table's day.

    Raises:
        PermanentError: R6001, R6002 a column is not exact, or not there: the table was altered,
            and the project is not wrong; T4002 the warehouse refuses.
        TransientError: It does not answer.
    """
    columns = _loaded_columns(run, table)
    try:
        return run.world.warehouse.totals(table, run.date, columns, run.measures(table))
    except ProjectError as exc:
        raise PermanentError(
            exc.code,
            exc.message,
            where=f"warehouse {table}, {exc.where}",
            expected=exc.expected,
            observed=exc.observed,
            next_step=exc.next_step,
        ) from exc


def _less(whole: Totals, part: Totals) -> Totals:
    exact = Context(prec=algebra.DIGITS)
    return Totals(
        records=whole.records - part.records,
        sums={n: exact.subtract(value, part.sums[n]) for n, value in whole.sums.items()},
    )

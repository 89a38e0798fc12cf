"""The step that reconciles a day: every hop of every dataset, and every declared control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Context

from puntual.checks import control as judging
from puntual.checks import reconcile as algebra
from puntual.checks.comparable import common, declared
from puntual.checks.encoding import ALGORITHM
from puntual.evidence.digest import sha256
from puntual.evidence.facts import to_json
from puntual.model.check import Check, RowRule
from puntual.model.contract import ColumnType
from puntual.model.control import ControlResult, ControlRule, Explanation, Hop, StagedSide
from puntual.model.manifest import Digest, Manifest, Totals
from puntual.model.plan import Reconcile
from puntual.runner import load as loading
from puntual.runner.explained import explained
from puntual.runner.measure import Readings, ReportRows, before
from puntual.runner.negative import plant
from puntual.runner.profile import profile
from puntual.runner.sources import columns_of, seal_of, set_aside_of
from puntual.runner.work import manifest, scratch
from puntual.runner.world import DayRun

PLACE = ("_object", "_position")
"""The columns that say which raw record a row came from."""


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
    findings = (*algebra.findings_of(tuple(hops)), *map(judging.finding, results), *blind)
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
    reports: Mapping[str, ReportRows] | None = None,
) -> tuple[tuple[ControlResult, ...], dict[str, object]]:
    """
    Measure and judge controls.

    Args:
        run: The day.
        rules: The controls.
        step: The id of the step that does it.
        reports: The files of reports that have been made, by report.

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
    Return for each table that is rolled forward whether the day before it is loaded.

    It goes into the step's key, so that a roll-forward that had no yesterday is done again when
    it has one.
    """
    found: dict[str, Digest] = {}
    for rule in run.project.controls.values():
        for term in (*rule.left, *rule.right):
            if isinstance(term.side, StagedSide) and term.side.previous:
                day = before(run, rule.calendar)
                loaded = day and run.world.warehouse.loaded(term.side.dataset, day)
                word = "loaded" if loaded else "not loaded"
                found[f"yesterday:{term.side.dataset}"] = sha256(f"{day} {word}".encode())
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
    left = f"curated {origin}"
    shared = _shared(run, name, origin)
    digested = (*PLACE, *shared.columns)
    after = _digested(run, name, shared)
    if not run.project.models[name].filters:
        before = _digested(run, origin, shared)
        return (algebra.hop(name, left, "curated", before, after, digested=digested),)
    with scratch(run, f"reconcile-{name}") as folder:
        without = filtered(run, name, origin, folder)
        kept = _digested(run, origin, shared, without)
        gone = _less(
            run.curated(origin).totals,
            run.world.engine.totals(
                run.files(origin), (), run.measures(origin), algorithm="", without=without
            ),
        )
    before = replace(kept, records=run.curated(origin).totals.records)
    aside = (Explanation(cause="filtered", totals=gone),)
    return (
        algebra.hop(
            name, left, "curated", before, after, aside, digest_of_rest=True, digested=digested
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """
    What a model has from its source under the same name.

    Attributes:
        columns: Keys of either, then measures of both, each sorted.
        types: As which they are digested; None where the two have the same types, so that each
            is digested as it is, by the engine's fastest way.
    """

    columns: tuple[str, ...]
    types: Mapping[str, ColumnType] | None


def _shared(run: DayRun, name: str, origin: str) -> _Shared:
    before, after = (dict(columns_of(run.curated(d))) for d in (origin, name))
    keys = sorted({*run.key(origin), *run.key(name)} - {*PLACE})
    measures = sorted({*run.measures(origin)} & {*run.measures(name)})
    found = {
        column: kind
        for column in dict.fromkeys((*keys, *measures))
        if column in before and column in after
        if (kind := common(declared(before[column]), declared(after[column]))) is not None
    }
    same = all(before[column] == after[column] for column in found)
    return _Shared(columns=tuple(found), types=None if same else found)


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


def _digested(run: DayRun, dataset: str, shared: _Shared, without: tuple[str, ...] = ()) -> Totals:
    engine = run.world.engine
    found = engine.totals(
        run.files(dataset),
        (*PLACE, *shared.columns),
        (),
        algorithm=engine.digest_algorithm if shared.types is None else ALGORITHM,
        without=without,
        types=shared.types,
    )
    return replace(found, sums=run.curated(dataset).totals.sums)


def _load_hop(run: DayRun, table: str) -> Hop:
    """
    Return curated → warehouse, explained by what checks set aside.

    Both sides are measured on what is stored: the Parquet files and the table.
    """
    left_out = loading.without(run, table)
    key, measures = run.key(table), run.measures(table)
    algorithm = run.world.warehouse.digest_algorithm
    kept = run.world.engine.totals(
        run.files(table), key, measures, algorithm=algorithm, without=left_out
    )
    whole = run.curated(table).totals
    after = run.world.warehouse.totals(table, run.date, key, measures)
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
        digested=tuple(dict.fromkeys((*key, *measures))),
    )


def _less(whole: Totals, part: Totals) -> Totals:
    exact = Context(prec=algebra.DIGITS)
    return Totals(
        records=whole.records - part.records,
        sums={n: exact.subtract(value, part.sums[n]) for n, value in whole.sums.items()},
    )

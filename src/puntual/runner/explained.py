"""What left between two sides of a control: each cause is measured on the rows that left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from puntual.checks.control import Group, Key, added
from puntual.checks.measures import in_sql, measures_sql, quoted, scan_of
from puntual.model.control import Cause, ControlRule, MeasureKind, Stage, StagedSide, Term
from puntual.ports.engine import Answer, Day
from puntual.runner import load as loading
from puntual.runner.measure import Readings, aside_of, reading
from puntual.runner.sources import set_aside_of
from puntual.runner.world import DayRun

CLASSES: Mapping[Cause, str] = {
    Cause.QUARANTINED: "quarantined",
    Cause.DUPLICATES: "duplicate",
    Cause.LATE: "late",
}
"""How curation names what it sets aside for a cause."""

_THERE = "w._object = s._object AND w._position = s._position"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Between:
    """The one term of each side, and the source whose rows go from left to right."""

    left: Term
    right: Term
    source: str

    @property
    def stages(self) -> tuple[Stage, Stage]:
        """Where the left and where the right side stands."""
        return _staged(self.left).stage, _staged(self.right).stage


def explained(
    run: DayRun, rule: ControlRule, readings: Readings
) -> Mapping[Cause, Mapping[Key, Group]]:
    """
    Measure what each declared cause took out between the left and the right side.

    Raises:
        PermanentError: Q1001 a condition of the project failed; the engine cannot.
    """
    if not rule.explained_by:
        return {}
    left, right = rule.left[0], rule.right[0]
    source = run.origin(_staged(left).dataset)
    assert source is not None  # noqa: S101 - `check` refuses causes where no source is carried
    between = _Between(left=left, right=right, source=source)
    over = readings.concealment.over
    return {c: over(rule, _cause(run, between, c, readings)) for c in rule.explained_by}


def _cause(run: DayRun, between: _Between, cause: Cause, readings: Readings) -> Mapping[Key, Group]:
    if cause is Cause.FILTERED:
        return _filtered(run, between)
    found = _curation(run, between, CLASSES[cause], readings)
    if cause is Cause.QUARANTINED and between.stages[1] is Stage.WAREHOUSE:
        return added(((found, False), (_by_checks(run, between), False)))
    return found


def _curation(
    run: DayRun, between: _Between, of_class: str, readings: Readings
) -> Mapping[Key, Group]:
    """Measure what curation set aside: on raw as it was parsed anew, or by its own record."""
    stage = between.stages[0]
    aside = set_aside_of(run.manifest(f"curate:{between.source}"))
    if stage not in (Stage.SOURCE, Stage.RAW) or all(c != of_class for c, _ in aside):
        return {}
    files = aside_of(run, between.source)
    term = between.left
    if stage is Stage.RAW:
        extra = f"EXISTS (SELECT 1 FROM set_aside AS w WHERE {_THERE} AND w.class = '{of_class}')"
        text = _select(term, quoted(between.source), extra)
        (answer,) = readings.raw(between.source, (text,), files)
    else:
        text = _select(term, "set_aside", f"s.class = '{of_class}'")
        answer = _ask(run, text, {"set_aside": files})
    return _groups(term, answer, text)


def _by_checks(run: DayRun, between: _Between) -> Mapping[Key, Group]:
    """Measure what checks set aside: on the curated rows of the dataset on the right."""
    term, dataset = between.right, _staged(between.right).dataset
    files = loading.without(run, dataset)
    if not files:
        return {}
    text = _select(term, quoted(dataset), f"EXISTS (SELECT 1 FROM offending AS w WHERE {_THERE})")
    answer = _ask(run, text, {dataset: run.files(dataset), "offending": files})
    return _groups(term, answer, text)


def _filtered(run: DayRun, between: _Between) -> Mapping[Key, Group]:
    """Measure the curated rows that the model on the right declares to leave out."""
    term, model = between.left, run.project.models[_staged(between.right).dataset]
    conditions = " OR ".join(f"({f.rows})" for f in model.filters)
    text = _select(term, quoted(between.source), f"({conditions})")
    answer = _ask(run, text, {between.source: run.files(between.source)})
    return _groups(term, answer, text)


def _select(term: Term, source: str, extra: str) -> str:
    return measures_sql(scan_of(term), in_sql(term.asked), source, day=None, extra=extra)


def _ask(run: DayRun, text: str, tables: dict[str, tuple[str, ...]]) -> Answer:
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables=tables)
    return run.world.engine.query(text, day, limit=None)


def _groups(term: Term, answer: Answer, text: str) -> Mapping[Key, Group]:
    """Return the groups from which something left."""
    whole = replace(answer, truncated=False)
    found = reading(whole, scan_of(term), in_sql(term.asked), text).groups
    return {key: _placed(term, group) for key, group in found.items() if group.rows}


def _placed(term: Term, group: Group) -> Group:
    """Leave the place of a digest without an answer: what left cannot be taken away from it."""
    plain, nulls = iter(group.values), iter(group.nulls or ())
    digests = [a.kind is MeasureKind.DIGEST for a in term.asked]
    return replace(
        group,
        values=tuple(None if d else next(plain) for d in digests),
        nulls=tuple(0 if d else next(nulls) for d in digests) if group.nulls else (),
    )


def _staged(term: Term) -> StagedSide:
    assert isinstance(term.side, StagedSide)  # noqa: S101 - `check` refuses causes elsewhere
    return term.side

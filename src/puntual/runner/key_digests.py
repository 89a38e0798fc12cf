"""The keyed digests of a control: of a whole day's rows, on the lake or in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from puntual.checks.comparable import common, declared, no_such_column, none_in_common
from puntual.checks.encoding import ALGORITHM
from puntual.model.contract import ColumnType
from puntual.model.control import Asked, Cause, ControlRule, MeasureKind, Stage, StagedSide, Term
from puntual.runner import load as loading
from puntual.runner.sources import columns_of
from puntual.runner.world import DayRun


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDigests:
    """
    The digests of one term.

    Attributes:
        query: The statements that a person can run to take them again.
        rows: How many rows.
        values: The place of each digest among the control's measures, and what it is.
    """

    query: str
    rows: int
    values: dict[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A digest with the number of its rows, and the statement that says both."""

    rows: int
    value: str
    query: str


def key_digests(run: DayRun, rule: ControlRule, term: Term) -> KeyDigests | None:
    """
    Take the digests that a term asks for; None where it asks for none.

    Rows that a check set aside are left out on the lake where the control says that they explain
    a difference: they are not in the warehouse.

    Raises:
        ProjectError: R6001 a column has no exact type on both sides; R6002 one lacks it.
        TransientError: The warehouse does not answer.
        PermanentError: It refuses; the engine cannot.
    """
    wanted = [i for i, a in enumerate(term.asked) if a.kind is MeasureKind.DIGEST]
    if not wanted:
        return None
    side = term.side
    assert isinstance(side, StagedSide)  # noqa: S101 - `check` refuses another side
    found = {i: _taken(run, rule, side, term.asked[i], _types(run, rule, term, i)) for i in wanted}
    return KeyDigests(
        query=";\n".join(taken.query for taken in found.values()),
        rows=found[wanted[0]].rows,
        values={place: taken.value for place, taken in found.items()},
    )


def _types(
    run: DayRun, rule: ControlRule, term: Term, place: int
) -> Mapping[str, ColumnType] | None:
    """
    Return for which types a term's columns are written: those that both sides have in common.

    None where the types are the same, so that each column is digested as it is, by the fastest
    way that both sides have.

    Raises:
        ProjectError: R6001, R6002.
    """
    sides = [_words(run, t, t.asked[place]) for t in (*rule.left, *rule.right)]
    found: dict[str, ColumnType] = {}
    for name, words in zip(term.asked[place].columns, zip(*sides, strict=True), strict=True):
        left, right = (declared(word) for word in words)
        kind = common(left, right)
        if kind is None:
            raise none_in_common(name, left, right)
        found[name] = kind
    return None if sides[0] == sides[1] else found


def _words(run: DayRun, term: Term, asked: Asked) -> list[str]:
    """Return the types of the columns that are asked of a term, in DuckDB's words."""
    side = term.side
    assert isinstance(side, StagedSide)  # noqa: S101 - `check` refuses another side
    columns = (
        run.world.warehouse.columns(side.dataset)
        if side.stage is Stage.WAREHOUSE
        else dict(columns_of(run.curated(side.dataset)))
    )
    for name in asked.columns:
        if name not in columns:
            raise no_such_column(name, columns)
    return [columns[name] for name in asked.columns]


def _taken(
    run: DayRun,
    rule: ControlRule,
    side: StagedSide,
    asked: Asked,
    types: Mapping[str, ColumnType] | None,
) -> _Taken:
    world, dataset, key = run.world, side.dataset, asked.columns
    if side.stage is Stage.WAREHOUSE:
        found = world.warehouse.totals(dataset, run.date, key, (), types=types)
        query = world.warehouse.digest_query(dataset, run.date, key, types=types)
    else:
        aside = Cause.QUARANTINED in rule.explained_by
        without = loading.without(run, dataset) if aside else ()
        algorithm = world.warehouse.digest_algorithm if types is None else ALGORITHM
        found = world.engine.totals(
            run.files(dataset), key, (), algorithm=algorithm, without=without, types=types
        )
        query = world.engine.digest_query(
            dataset,
            dict(columns_of(run.curated(dataset))),
            run.date,
            key,
            algorithm=algorithm,
            types=types,
        )
        if without:
            query += " /* less the rows that checks set aside */"
    return _Taken(rows=found.records, value=f"{found.algorithm}:{found.key_digest}", query=query)

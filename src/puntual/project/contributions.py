"""
The questions about an aggregate: which rows are in it, what each adds, which are not and why.

Everything here makes SQL of a rewritten query (see `tracing`); nothing is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from puntual.project.conditions import alike, all_of, counted, is_true, only_where, same
from puntual.project.qualified import aggregates, text_of
from puntual.project.traced import Aggregation, Leaf, Traced, refs_of, refused

VALUE, IN = "__value", "__in"


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """
    The rows that one aggregate is made over.

    Attributes:
        expression: The aggregate as SQL.
        kind: See `Atom.kind`.
        tree: One row for each: `__value` (what it adds; null: nothing), `__w<i>` (each of
            `tests`), the columns of `leaves`, then the group's keys.
        keys: Names of the columns of the group's keys.
        leaves: Those that the value is of first.
        valued: How many of the leaves the value is of.
        columns: Datasets' columns that the value is made of.
        inner: Aggregates that the value is made of, with their columns.
        tests: Conditions inside of the aggregate, as SQL: a row that fails one may add nothing.
        fans: A join may make several of one row.
    """

    expression: str
    kind: str
    tree: exp.Select
    keys: tuple[str, ...]
    leaves: tuple[Leaf, ...]
    valued: int
    columns: tuple[tuple[str, str], ...]
    inner: tuple[tuple[Leaf, str], ...]
    tests: tuple[str, ...]
    fans: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """
    Which groups are meant.

    Attributes:
        parameters: Names of the parameters with the keys of the one group; in their order.
        parent: A query whose rows name the groups in `columns`; None: by parameters.
    """

    parameters: tuple[str, ...] = ()
    parent: exp.Query | None = None
    columns: tuple[str, ...] = ()


def contributions(aggregation: Aggregation, column: str, where: str) -> list[Contribution]:
    """
    Return the rows behind each aggregate of a column; behind its key for a group key.

    Raises:
        ProjectError: V7002 an aggregate of another kind.
    """
    expression = aggregation.outputs[column]
    found = aggregates(expression)
    if expression.find(exp.Anonymous) is not None:
        raise refused(where, f"{text_of(expression)} has a function that is not known")
    if not found:
        return [_contribution(aggregation, expression, "key", expression, where)]
    return [_of_aggregate(aggregation, a, where) for a in found]


def _of_aggregate(aggregation: Aggregation, whole: exp.Expr, where: str) -> Contribution:
    only = whole.expression.this if isinstance(whole, exp.Filter) else None
    aggregate = whole.this if isinstance(whole, exp.Filter) else whole
    kind, value = _kind(aggregate, where)
    if only is not None:
        value = exp.Case(ifs=[exp.If(this=only.copy(), true=value)])
    return _contribution(aggregation, whole, kind, value, where)


def _kind(aggregate: exp.Expr, where: str) -> tuple[str, exp.Expr]:
    """Return the kind of an aggregate and what a row adds to it."""
    argument = aggregate.this
    one = exp.Literal.number(1)
    if aggregate.args.get("expressions"):
        pass
    elif isinstance(aggregate, exp.Count):
        if isinstance(argument, exp.Distinct) and len(argument.expressions) == 1:
            return "count_distinct", argument.expressions[0].copy()
        if argument is None or isinstance(argument, exp.Star):
            return "count", one
        if not isinstance(argument, exp.Distinct):
            there = exp.Not(this=exp.Is(this=argument.copy(), expression=exp.Null()))
            return "count", exp.Case(ifs=[exp.If(this=there, true=one)])
    elif isinstance(aggregate, exp.CountIf):
        return "count", exp.Case(ifs=[exp.If(this=argument.copy(), true=one)])
    elif isinstance(aggregate, exp.Sum | exp.Min | exp.Max) and not isinstance(
        argument, exp.Distinct | exp.Order
    ):
        return aggregate.key, argument.copy()
    raise refused(where, f"{text_of(aggregate)} is no plain sum, count, min or max")


def _contribution(
    aggregation: Aggregation, whole: exp.Expr, kind: str, value: exp.Expr, where: str
) -> Contribution:
    tests = [i.this for case in value.find_all(exp.Case) for i in _ifs(case)]
    refs = refs_of(_without_tests(value), aggregation.scope)
    if refs is None or refs_of(value, aggregation.scope) is None:
        raise refused(where, f"{text_of(whole)} rests on a window or a subquery")
    refs = refs or refs_of(value, aggregation.scope) or ()
    mine = list(dict.fromkeys(leaf for leaf, _ in refs)) or list(aggregation.first)
    leaves = (*mine, *(leaf for leaf in aggregation.leaves if leaf not in mine))
    keys = tuple(f"__k{i}" for i in range(len(aggregation.keys)))
    tree = aggregation.base.copy().select(
        exp.alias_(value.copy(), VALUE),
        *(exp.alias_(t.copy(), f"__w{i}") for i, t in enumerate(tests)),
        *(exp.column(c) for leaf in leaves for c in leaf.all),
        *(exp.alias_(k.copy(), n) for k, n in zip(aggregation.keys, keys, strict=True)),
    )
    return Contribution(
        expression=text_of(whole),
        kind=kind,
        tree=tree,
        keys=keys,
        leaves=leaves,
        valued=len(mine),
        columns=tuple((leaf.dataset, name) for leaf, name in refs if leaf.dataset),
        inner=tuple((leaf, name) for leaf, name in refs if leaf.group is not None),
        tests=tuple(text_of(t) for t in tests),
        fans=bool(aggregation.base.args.get("joins")),
    )


def _ifs(case: exp.Case) -> list[exp.If]:
    if case.this is None:
        return list(case.args["ifs"])
    return [
        exp.If(this=exp.EQ(this=case.this.copy(), expression=i.this.copy()), true=i.args["true"])
        for i in case.args["ifs"]
    ]


def _without_tests(value: exp.Expr) -> exp.Expr:
    """Return a value without the conditions of its CASEs: what may be added, not when."""

    def drop(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.If):
            return exp.If(this=exp.true(), true=node.args["true"])
        if isinstance(node, exp.Case) and node.this is not None:
            return exp.Case(ifs=node.args["ifs"], default=node.args.get("default"))
        return node

    return value.copy().transform(drop)


def marked(found: Contribution, pins: Pins) -> exp.Select:
    """Return a contribution's rows with `__in`: whether they are of the groups that are meant."""
    rows = found.tree.subquery("c")
    if pins.parent is None:
        pairs = zip(found.keys, pins.parameters, strict=True)
        meant = all_of(same(exp.column(k, table="c"), exp.Placeholder(this=n)) for k, n in pairs)
        return exp.select("c.*", exp.alias_(meant, IN)).from_(rows)
    named = [exp.alias_(exp.column(c), f"k{i}") for i, c in enumerate(pins.columns)]
    groups = exp.select(*named).distinct().from_(pins.parent.subquery("q"))
    marker = exp.select("*", exp.alias_(exp.true(), "t")).from_(groups.subquery("g"))
    on = alike("c", found.keys, "p")
    is_in = exp.alias_(is_true(exp.column("t", table="p")), IN)
    return exp.select("c.*", is_in).from_(rows).join(marker.subquery("p"), on=on, join_type="left")


def adds(found: Contribution, rows: exp.Select) -> exp.Expr:
    """Return the condition that a marked row adds something."""
    value = exp.column(VALUE)
    there = exp.Not(this=exp.Is(this=value, expression=exp.Null()))
    if found.kind == "sum":
        return exp.and_(there, exp.NEQ(this=value.copy(), expression=exp.Literal.number(0)))
    if found.kind in ("min", "max"):
        best = exp.select(_result(found)).from_(rows.copy().subquery("b")).where(IN)
        return exp.EQ(this=value, expression=best.subquery())
    return exp.true() if found.kind == "key" else there


def summary(found: Contribution, pins: Pins) -> exp.Select:
    """
    Return one row: `entering`, `meant`, `adding`, `result`, then `failed<i>` for each test.

    `entering` counts what is grouped, `meant` what is in the groups that are meant, `adding` what
    adds something to them; `failed<i>` what is meant, adds nothing and fails the test.
    """
    rows = marked(found, pins)
    adding = adds(found, rows)
    idle = exp.and_(exp.column(IN), exp.Not(this=is_true(adding.copy())))
    place = found.leaves[0].columns if found.fans and found.leaves[0].dataset else ()
    columns = [
        exp.alias_(counted(exp.true(), place), "entering"),
        exp.alias_(counted(exp.column(IN), place), "meant"),
        exp.alias_(counted(exp.and_(exp.column(IN), adding), place), "adding"),
        exp.alias_(
            exp.Filter(this=_result(found), expression=only_where(exp.column(IN))), "result"
        ),
    ]
    columns += [
        exp.alias_(
            counted(exp.and_(idle.copy(), exp.Not(this=is_true(exp.column(f"__w{i}")))), place),
            f"failed{i}",
        )
        for i in range(len(found.tests))
    ]
    return exp.select(*columns).from_(rows.subquery("m"))


def page(found: Contribution, pins: Pins, *, limit: int, offset: int) -> exp.Select:
    """Return a page of what adds something: `__value`, then the columns of the leaves."""
    rows = marked(found, pins)
    columns = [c for leaf in found.leaves for c in leaf.all]
    order = [c for leaf in found.leaves for c in leaf.columns]
    return (
        exp.select(VALUE, *columns)
        .from_(rows.subquery("m"))
        .where(exp.column(IN), adds(found, rows))
        .order_by(*order)
        .limit(limit)
        .offset(offset)
    )


def in_leaf(found: Contribution, pins: Pins, leaf: Leaf) -> exp.Select:
    """Return one row like `summary`'s first three counts, of the rows that come from one leaf."""
    rows = marked(found, pins)
    place = leaf.columns if found.fans else ()
    there = is_true(exp.column(leaf.there))
    adding = adds(found, rows)
    return (
        exp.select(
            exp.alias_(counted(exp.true(), place), "entering"),
            exp.alias_(counted(exp.column(IN), place), "meant"),
            exp.alias_(counted(exp.and_(exp.column(IN), adding), place), "adding"),
            *(
                exp.alias_(
                    counted(
                        exp.and_(
                            exp.column(IN),
                            exp.Not(this=is_true(adding.copy())),
                            exp.Not(this=is_true(exp.column(f"__w{i}"))),
                        ),
                        place,
                    ),
                    f"failed{i}",
                )
                for i in range(len(found.tests))
            ),
        )
        .from_(rows.subquery("m"))
        .where(there)
    )


def outside(
    found: Contribution, aggregation: Aggregation, group: Leaf, root: Traced, leaf: Leaf
) -> exp.Select:
    """
    Return one row on groups that are in no row of the report: `rows`, then `failed<i>`.

    `rows` counts the rows of a leaf in them, `failed<i>` those whose group fails the HAVING
    condition of that number.
    """
    place = leaf.columns if found.fans else ()
    having = [exp.alias_(is_true(h.copy()), f"h{i}") for i, h in enumerate(aggregation.having)]
    groups = aggregation.base.copy().select(
        *(exp.alias_(k.copy(), n) for k, n in zip(aggregation.keys, found.keys, strict=True)),
        exp.alias_(counted(is_true(exp.column(leaf.there)), place), "n"),
        *having,
    )
    if aggregation.keys:
        groups = groups.group_by(*(k.copy() for k in aggregation.keys))
    named = [exp.alias_(exp.column(c), f"k{i}") for i, c in enumerate(group.columns)]
    there = is_true(exp.column(group.there))
    shown = exp.select(*named, exp.alias_(exp.true(), "t")).distinct()
    shown = shown.from_(root.query.copy().subquery("q")).where(there)
    on = alike("g", found.keys, "r")
    total = exp.Sum(this=exp.column("n", table="g"))
    zero = exp.Literal.number(0)
    return (
        exp.select(
            exp.alias_(exp.func("coalesce", total, zero), "rows"),
            *(
                exp.alias_(
                    exp.func(
                        "coalesce",
                        exp.Filter(
                            this=total.copy(),
                            expression=only_where(exp.Not(this=exp.column(f"h{i}", table="g"))),
                        ),
                        zero.copy(),
                    ),
                    f"failed{i}",
                )
                for i in range(len(aggregation.having))
            ),
        )
        .from_(groups.subquery("g"))
        .join(shown.subquery("r"), on=on, join_type="anti")
    )


def recomputed(
    aggregation: Aggregation, column: str, totals: Mapping[str, str], keys: Sequence[str]
) -> exp.Select:
    """
    Return a column's expression over parameters: for each aggregate and each key by its SQL.

    Args:
        aggregation: Whose column.
        column: Which.
        totals: SQL of an aggregate → the parameter that stands for it.
        keys: The parameter that stands for each key.
    """
    named = {k.sql("duckdb"): p for k, p in zip(aggregation.keys, keys, strict=True)}

    def place(node: exp.Expr) -> exp.Expr:
        said = node.sql("duckdb")
        if isinstance(node, exp.AggFunc | exp.Filter) and text_of(node) in totals:
            return exp.Placeholder(this=totals[text_of(node)])
        return exp.Placeholder(this=named[said]) if said in named else node

    tree = aggregation.outputs[column].copy().transform(place)
    return exp.select(exp.alias_(tree, "result"))


def _filtered(aggregate: exp.Expr, condition: exp.Expr) -> exp.Expr:
    return exp.Filter(this=aggregate, expression=only_where(condition))


def _result(found: Contribution) -> exp.Expr:
    value = exp.column(VALUE)
    match found.kind:
        case "sum":
            return exp.Sum(this=value)
        case "min" | "key":
            return exp.Min(this=value)
        case "max":
            return exp.Max(this=value)
        case "count_distinct":
            return exp.Count(this=exp.Distinct(expressions=[value]))
        case _:
            return exp.Count(this=value)

"""What of a dataset's rows a SELECT lets go, and which of its conditions each row fails."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from puntual.project.conditions import all_of, counted, held_by, is_true, same
from puntual.project.held_day import day_is_held
from puntual.project.qualified import conjuncts, sources, text_of
from puntual.project.traced import Leaf, Sieve

PASSED = "__passed"


@dataclass(frozen=True, slots=True, eq=False)
class Sifting:
    """
    A sieve's question: what of a leaf's rows did not come through, by condition.

    Attributes:
        counted: One row: `entering`, `lost`, then `failed<i>` and `only<i>` for each condition.
        listed: Places of the rows that were lost, with `__c<i>` for each condition.
        conditions: As SQL.
        why_not: Why the conditions were not tested one by one; "" where they were.
    """

    counted: exp.Select
    listed: exp.Select
    conditions: tuple[str, ...]
    why_not: str = ""


def sift(sieve: Sieve) -> Sifting | None:
    """Return the question of a sieve; None where it lets every row through."""
    joins = list(sieve.select.args.get("joins") or ())
    where = _conditions(sieve)
    if not where and all(_keeps(j) for j in joins) and _is_first(sieve):
        return None
    turned = _turned(sieve)
    if turned is None:
        return _unexamined(sieve)
    select, tests = turned
    leaf = sieve.leaf
    names = [f"__c{i}" for i in range(len(tests))]
    every = all_of(is_true(t.copy()) for _, t in tests)
    rows = select.select(
        *(exp.column(c) for c in leaf.columns),
        *(exp.alias_(is_true(t), n) for n, (_, t) in zip(names, tests, strict=True)),
        exp.alias_(every, PASSED),
    ).where(is_true(exp.column(leaf.there)))
    if joins or not sieve.first:
        rows = _by_place(rows, leaf, [*names, PASSED])
    lost = exp.Not(this=exp.column(PASSED))
    counts = [
        exp.alias_(counted(exp.true(), ()), "entering"),
        exp.alias_(counted(lost, ()), "lost"),
    ]
    for i, name in enumerate(names):
        failed = exp.and_(lost.copy(), exp.Not(this=exp.column(name)))
        others = [exp.column(n) for n in names if n != name]
        counts.append(exp.alias_(counted(failed, ()), f"failed{i}"))
        counts.append(exp.alias_(counted(exp.and_(failed.copy(), *others), ()), f"only{i}"))
    listed = exp.select(*leaf.columns, *names).from_(rows.copy().subquery("s")).where(lost.copy())
    return Sifting(
        counted=exp.select(*counts).from_(rows.subquery("s")),
        listed=listed.order_by(*leaf.columns),
        conditions=tuple(text for text, _ in tests),
    )


def _by_place(rows: exp.Select, leaf: Leaf, flags: list[str]) -> exp.Select:
    """Return one row for each place: a flag is true where it is for any row of the place."""
    return (
        exp.select(
            *leaf.columns,
            *(exp.alias_(exp.func("bool_or", exp.column(n)), n) for n in flags),
        )
        .from_(rows.subquery("d"))
        .group_by(*leaf.columns)
    )


def _turned(sieve: Sieve) -> tuple[exp.Select, list[tuple[str, exp.Expr]]] | None:
    """
    Return the SELECT with every source of its own kept, and what is a condition instead.

    An inner join becomes a left one with a mark, so that a row without a partner is seen to be
    so. The source in question stands first; where that would change what the joins mean, the
    answer is None.
    """
    first, joins = sieve.select.args["from_"].this, list(sieve.select.args.get("joins") or ())
    sides = {str(j.side).upper() for j in joins}
    kinds = {str(j.kind).upper() for j in joins}
    if sides & {"RIGHT", "FULL"} or kinds & {"SEMI", "ANTI"}:
        return None
    if first.alias_or_name.lower() != sieve.alias:
        if not joins or joins[0].this.alias_or_name.lower() != sieve.alias or joins[0].side:
            return None
        swapped = joins[0].copy()
        first, other = joins[0].this, first
        swapped.set("this", other.copy())
        joins[0] = swapped
    select = exp.Select().from_(first.copy())
    tests: list[tuple[str, exp.Expr]] = []
    for i, join in enumerate(joins):
        alias = join.this.alias_or_name
        node = join.this.copy()
        if not join.side:
            node = exp.select("*", exp.alias_(exp.true(), f"__m{i}")).from_(node).subquery(alias)
            text = text_of(exp.Join(this=exp.to_identifier(alias), on=join.args.get("on")))
            tests.append((f"no partner: {text}", exp.column(f"__m{i}", table=alias)))
        select = select.join(node, on=_on(join), join_type="left")
    tests += [(text_of(c), c.copy()) for c in _conditions(sieve)]
    return select, tests


def _conditions(sieve: Sieve) -> list[exp.Expr]:
    """Return what WHERE asks, without the day of the dataset itself: it has no other."""
    asked = conjuncts(held_by(sieve.select.args.get("where")))
    return [c for c in asked if not (sieve.first and day_is_held(c, sieve.alias))]


def _unexamined(sieve: Sieve) -> Sifting:
    """Return the counts of a sieve whose joins do not let a row be followed by itself."""
    leaf = sieve.leaf
    source = _source_of(sieve)
    before = exp.select(*leaf.columns).distinct().from_(source.copy())
    before = before.where(is_true(exp.column(leaf.there)))
    after = sieve.select.copy().select(*(exp.column(c) for c in leaf.columns)).distinct()
    pairs = ((exp.column(c, table="b"), exp.column(c, table="a")) for c in leaf.columns)
    on = all_of(same(one, other) for one, other in pairs)
    lost = (
        exp.select(*(exp.column(c, table="b") for c in leaf.columns))
        .from_(before.copy().subquery("b"))
        .join(after.subquery("a"), on=on, join_type="anti")
    )
    entering = exp.select(exp.Count(this=exp.Star())).from_(before.subquery("e"))
    counts = exp.select(
        exp.alias_(entering.subquery(), "entering"),
        exp.alias_(exp.Count(this=exp.Star()), "lost"),
    ).from_(lost.copy().subquery("l"))
    return Sifting(
        counted=counts,
        listed=lost.order_by(*(exp.column(c, table="b") for c in leaf.columns)),
        conditions=(),
        why_not="its joins do not let a row be tested by itself",
    )


def _source_of(sieve: Sieve) -> exp.Expr:
    return next(s.node for s in sources(sieve.select) if s.alias.lower() == sieve.alias)


def _is_first(sieve: Sieve) -> bool:
    return bool(sieve.select.args["from_"].this.alias_or_name.lower() == sieve.alias)


def _keeps(join: exp.Join) -> bool:
    """Say whether a join keeps every row of what stands before it."""
    return str(join.side).upper() in ("LEFT", "FULL") and str(join.kind).upper() not in (
        "SEMI",
        "ANTI",
    )


def _on(join: exp.Join) -> exp.Expr:
    found = join.args.get("on")
    return exp.true() if found is None else found.copy()

"""
A SELECT rewritten so that every row says which rows it was made of.

The rewritten query has the columns of the first one and, for each thing that it reads, more
columns that name what was read: the place (`_object`, `_position`) of a row of a dataset, or the
group keys of an aggregate, whose own rows are asked for next. What cannot be rewritten without
changing its answer is refused with the reason (V7002), never answered approximately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from sqlglot import exp

from puntual.errors import ProjectError
from puntual.model.project import Project
from puntual.project.conditions import held_by
from puntual.project.held_day import holds_the_day
from puntual.project.qualified import (
    DAY,
    PLACE,
    Source,
    Tables,
    conjuncts,
    in_warehouse,
    is_aggregate,
    outputs,
    own_ctes,
    qualified,
    sources,
)
from puntual.project.traced import (
    Aggregation,
    Leaf,
    Sieve,
    Traced,
    looks_beyond,
    refs_of,
    refused,
)

CURATED = "__curated__"
ASIDE = "__aside__"
"""What the files of a dataset, and of what checks set aside of it, are called in these queries."""


Ctes = Mapping[str, tuple[exp.Expr, "Ctes"]]


@dataclass(frozen=True, slots=True)
class Tracer:
    """
    Rewrites the SELECTs of one project.

    Attributes:
        project: Whose.
        columns: Curated dataset → its columns, as the manifests of the day say.
        aside: Datasets of which checks have set rows aside before the load.
        where: The file whose SQL is rewritten, for messages.
        warehouse: Tables are the warehouse's: the day in front, without what was set aside.
    """

    project: Project
    columns: Tables
    aside: frozenset[str]
    where: str
    warehouse: bool = True
    numbers: Iterator[int] = field(default_factory=count)

    def report(self, name: str) -> Traced:
        """
        Rewrite a report's SELECT.

        Raises:
            ProjectError: V7002 it cannot be rewritten; V7003 it reads other days.
        """
        sql = self.project.reports[name].sql
        tables = in_warehouse(self.project, self.columns)
        tree = qualified(sql, tables)
        if tree is None:
            raise refused(self.where, "its names cannot be resolved")
        if not holds_the_day(tree, frozenset(tables)):
            raise ProjectError(
                "V7003",
                "the report may read other days than its reference date",
                where=self.where,
                expected=f"{DAY} = :{DAY} for every table that it reads",
                observed="a table that is not held to the day",
                next_step="puntual query asks the other days; this command follows one day only",
            )
        return self.query(tree, {}, name)

    def model(self, name: str) -> Traced:
        """
        Rewrite a model's SELECT, over curated tables.

        Raises:
            ProjectError: V7002 it cannot be rewritten.
        """
        model = self.project.models[name]
        tree = qualified(model.sql, self.columns)
        if tree is None:
            raise refused(model.file, "its names cannot be resolved")
        return replace(self, where=model.file, warehouse=False).query(tree, {}, name)

    def total(self, traced: Traced, column: str) -> Traced:
        """Return the sum of a column over every row of a rewritten query; of `*`, their number."""
        select = exp.Select().from_(traced.query.subquery("report"))
        counted: exp.Expr = exp.Count(this=exp.Star())
        if column != "*":
            counted = exp.Sum(this=exp.column(column, table="report"))
        named = exp.alias_(counted, "total")
        return self._aggregate(select.select(named), select, [("report", traced)], "the file")

    def query(self, tree: exp.Expr, ctes: Ctes, label: str) -> Traced:
        """
        Rewrite a query.

        Raises:
            ProjectError: V7002 it cannot be rewritten.
        """
        known = dict(ctes)
        for called, inner in own_ctes(tree):
            known[called] = (inner, dict(known))
        with_ = tree.args.get("with_")
        if with_ is not None and with_.args.get("recursive"):
            raise refused(self.where, f"{label} is recursive")
        for part, word in _REFUSED.items():
            if tree.args.get(part):
                raise refused(self.where, f"{label} has {word}")
        if isinstance(tree, exp.Subquery):
            return self.query(tree.this, known, label)
        if isinstance(tree, exp.Union) and not tree.args.get("by_name"):
            return self._union(tree, known, label)
        if isinstance(tree, exp.Select):
            return self._select(tree, known, label)
        raise refused(self.where, f"{label} is of a kind that cannot be followed")

    def _union(self, tree: exp.Union, ctes: Ctes, label: str) -> Traced:
        sides = [self.query(side, ctes, label) for side in (tree.this, tree.expression)]
        left, right = sides
        if len(left.names) != len(right.names):
            raise refused(self.where, f"{label} joins SELECTs of different width")
        selects = [
            _over(
                side, left.names, [(leaf, leaf in side.leaves) for s in sides for leaf in s.leaves]
            )
            for side in sides
        ]
        query = exp.union(*selects, distinct=False, copy=False)
        refs: dict[str, tuple[tuple[Leaf, str], ...] | None] = {}
        for mine, theirs in zip(left.names, right.names, strict=True):
            ours, others = left.refs[mine], right.refs[theirs]
            refs[mine] = None if ours is None or others is None else (*ours, *others)
        made = Traced(
            query=query,
            names=left.names,
            leaves=(*left.leaves, *right.leaves),
            refs=refs,
            sieves=(*left.sieves, *right.sieves),
        )
        return self._distinct(made, label) if tree.args.get("distinct") else made

    def _distinct(self, made: Traced, label: str) -> Traced:
        base = exp.Select().from_(made.query.subquery("all_rows"))
        names = [exp.column(n, table="all_rows") for n in made.names]
        grouped = base.select(*(exp.alias_(n, n.name) for n in names)).group_by(*names)
        return self._aggregate(grouped, base, [("all_rows", made)], label)

    def _select(self, select: exp.Select, ctes: Ctes, label: str) -> Traced:
        if select.is_star or any(isinstance(e, exp.Columns) for e in select.expressions):
            raise refused(self.where, f"{label} has a star that cannot be expanded")
        base, read = self._base(select, ctes, label)
        distinct = select.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            raise refused(self.where, f"{label} has DISTINCT ON")
        if is_aggregate(select) or distinct is not None:
            if distinct is not None and is_aggregate(select):
                raise refused(self.where, f"{label} has DISTINCT and aggregates")
            whole = base.copy()
            whole.set("expressions", [self._plain(e, ctes) for e in select.expressions])
            for part in ("group", "having"):
                found = select.args.get(part)
                whole.set(part, None if found is None else self._plain(found, ctes))
            if distinct is not None:
                keys = [e for e in outputs(select).values() if not isinstance(e, exp.Literal)]
                whole.set("group", exp.Group(expressions=[self._plain(k, ctes) for k in keys]))
            return self._aggregate(whole, base, read, label)
        leaves = [(alias, leaf) for alias, traced in read for leaf in traced.leaves]
        query = base.copy()
        query.set("expressions", [self._plain(e, ctes) for e in select.expressions])
        query = query.select(*(exp.column(c, table=a) for a, leaf in leaves for c in leaf.all))
        scope = {alias: traced.refs for alias, traced in read}
        return Traced(
            query=query,
            names=tuple(outputs(select)),
            leaves=tuple(leaf for _, leaf in leaves),
            refs={name: refs_of(e, scope) for name, e in outputs(select).items()},
            sieves=_sieves(base, read, label),
        )

    def _base(
        self, select: exp.Select, ctes: Ctes, label: str
    ) -> tuple[exp.Select, list[tuple[str, Traced]]]:
        """Return FROM, joins and WHERE over rewritten sources, and those sources."""
        base, read = exp.Select(), []
        for source in sources(select):
            if source.filters_only:
                node: exp.Expr = self._plain(source.node, ctes)
            else:
                traced = self._source(source, ctes, label)
                read.append((source.alias.lower(), traced))
                node = traced.query.subquery(source.alias)
            if source.join is None:
                base.set("from_", exp.From(this=node))
                continue
            join = source.join.copy()
            if str(join.method).upper() in ("NATURAL", "ASOF") or join.args.get("using"):
                raise refused(self.where, f"{label} has a {join.method or 'USING'} join")
            if join.args.get("on") is not None:
                join.set("on", self._plain(join.args["on"], ctes))
            join.set("this", node)
            base.append("joins", join)
        if select.args.get("where") is not None:
            base.set("where", self._plain(select.args["where"], ctes))
        return base, read

    def _source(self, source: Source, ctes: Ctes, label: str) -> Traced:
        node = source.node
        if node.args.get("pivots") or node.args.get("sample"):
            raise refused(self.where, f"{label} has a pivot or a sample")
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            name = node.name.lower()
            if name in ctes:
                inner, scope = ctes[name]
                return self.query(inner, scope, name)
            return self._dataset(name)
        if isinstance(node, exp.Query):
            return self.query(node, ctes, source.alias)
        raise refused(self.where, f"{label} reads {node.key.upper()}, which cannot be followed")

    def _dataset(self, name: str) -> Traced:
        columns = self.columns.get(name)
        if columns is None:
            raise refused(self.where, f"the columns of {name} cannot be told")
        if set(PLACE) <= set(columns):
            leaf = Leaf(columns=(self._name(), self._name()), there=self._name(), dataset=name)
            placed = [
                exp.alias_(exp.column(p), c) for p, c in zip(PLACE, leaf.columns, strict=True)
            ]
            placed.append(exp.alias_(exp.true(), leaf.there))
            return Traced(
                query=exp.select("*", *placed).from_(self._table(name).subquery("t")),
                names=(DAY, *columns),
                leaves=(leaf,),
                refs={DAY: (), **{c: ((leaf, c),) for c in columns}},
                sieves=(),
            )
        made = self.model(name)
        if not self.warehouse:
            return made
        query = exp.select(_day(), "*").from_(made.query.subquery("t"))
        return replace(made, query=query, names=(DAY, *made.names), refs={DAY: (), **made.refs})

    def _aggregate(
        self,
        whole: exp.Select,
        base: exp.Select,
        read: list[tuple[str, Traced]],
        label: str,
    ) -> Traced:
        """Rewrite an aggregate: its groups are a leaf, its rows are asked for next."""
        group = whole.args.get("group")
        if group is not None and _groups_otherwise(group):
            raise refused(self.where, f"{label} groups by ALL, ROLLUP, CUBE or sets")
        keys = tuple(group.expressions) if group is not None else ()
        found = outputs(whole)
        scope = {alias: traced.refs for alias, traced in read}
        aggregation = Aggregation(
            label=label,
            base=base,
            keys=keys,
            outputs=found,
            having=tuple(conjuncts(held_by(whole.args.get("having")))),
            scope=scope,
            leaves=tuple(leaf for _, traced in read for leaf in traced.leaves),
            first=read[0][1].leaves if read else (),
            sieves=_sieves(base, read, label),
        )
        leaf = Leaf(
            columns=tuple(self._name() for _ in keys),
            there=self._name(),
            group=aggregation,
            values={name: self._name() for name in found},
        )
        named = [exp.alias_(k.copy(), c) for k, c in zip(keys, leaf.columns, strict=True)]
        named.append(exp.alias_(exp.true(), leaf.there))
        named += [exp.alias_(found[n].copy(), c) for n, c in leaf.values.items()]
        return Traced(
            query=whole.select(*named),
            names=tuple(found),
            leaves=(leaf,),
            refs={name: None if looks_beyond(e) else ((leaf, name),) for name, e in found.items()},
            sieves=(),
        )

    def _plain(self, node: exp.Expr, ctes: Ctes) -> exp.Expr:
        """Return a copy of an expression; the tables of its subqueries are put in their place."""
        if node.find(exp.With) is not None:
            raise refused(self.where, "a condition has a subquery with a WITH of its own")

        def place(found: exp.Expr) -> exp.Expr:
            if not isinstance(found, exp.Table) or not isinstance(found.this, exp.Identifier):
                return found
            name = found.name.lower()
            if name in ctes:
                inner, scope = ctes[name]
                bare = inner.copy()
                bare.set("with_", None)
                nested = {**scope, **{n: (q, scope) for n, q in own_ctes(inner)}}
                return exp.Subquery(
                    this=self._plain(bare, nested), alias=_alias(found.alias_or_name)
                )
            if name in self.columns:
                return self._table(name).subquery(found.alias_or_name)
            return found

        return node.copy().transform(place)

    def _table(self, name: str) -> exp.Select:
        """Return the rows of a dataset's files, as the warehouse or a model sees them."""
        files = exp.to_table(f"{CURATED}{name}")
        if not self.warehouse:
            return exp.select("*").from_(files)
        select = exp.select(_day(), "*").from_(files)
        if name not in self.aside:
            return select
        return select.join(f"{ASIDE}{name}", using=list(PLACE), join_type="anti")

    def _name(self) -> str:
        return f"__p{next(self.numbers)}"


_REFUSED = {
    "limit": "a LIMIT",
    "offset": "an OFFSET",
    "qualify": "a QUALIFY",
    "laterals": "a LATERAL",
    "pivots": "a pivot",
    "sample": "a sample",
    "fetch": "a FETCH",
}


def _sieves(base: exp.Select, read: list[tuple[str, Traced]], label: str) -> tuple[Sieve, ...]:
    """Return the sieves of a SELECT's sources, then its own."""
    found = [s for _, traced in read for s in traced.sieves]
    for alias, traced in read:
        for leaf in traced.leaves:
            first = bool(leaf.dataset) and not traced.sieves
            found.append(Sieve(label=label, select=base, alias=alias, leaf=leaf, first=first))
    return tuple(found)


def _groups_otherwise(group: exp.Group) -> bool:
    """Say whether a GROUP BY makes other groups than one for each value of its expressions."""
    several = (exp.Rollup, exp.Cube, exp.GroupingSets)
    named = any(isinstance(e, several) for e in group.expressions)
    return named or any(v for k, v in group.args.items() if k != "expressions")


def _over(side: Traced, names: tuple[str, ...], leaves: list[tuple[Leaf, bool]]) -> exp.Select:
    """Return a side of a union under the names of the left one, with the leaves of both."""
    mine = [exp.alias_(exp.column(n, table="u"), m) for n, m in zip(side.names, names, strict=True)]
    more = [
        exp.alias_(exp.column(c, table="u") if own else exp.Null(), c)
        for leaf, own in leaves
        for c in leaf.all
    ]
    return exp.Select().select(*mine, *more).from_(side.query.subquery("u"))


def _day() -> exp.Expr:
    return exp.alias_(exp.cast(exp.Placeholder(this=DAY), "DATE"), DAY)


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name))

"""What a number of a report's row is made of: aggregates and columns, and the rows behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from puntual.errors import EvidenceError, ProjectError
from puntual.model.contract import Kind
from puntual.model.lineage import Atom, PlacedRow
from puntual.model.masked import exact_text
from puntual.ports.engine import Answer
from puntual.project.contributions import (
    Contribution,
    Pins,
    contributions,
    page,
    recomputed,
    summary,
)
from puntual.project.questions import Equals, groups_behind, row_of
from puntual.project.traced import Aggregation, Leaf, Traced, refused
from puntual.render.columns import kind_of
from puntual.runner.asking import Asking, Value
from puntual.runner.report_line import Line

ADDED = frozenset({"sum", "count", "count_distinct"})
"""Kinds whose result is of many rows, so that it shows no single row's value."""


def constant(said: str) -> Atom:
    """Return what no row is behind: text of the layout or the SQL itself."""
    return Atom(expression=said, kind="constant", rows=0, total=said, adds_up=None)


@dataclass(slots=True, kw_only=True)
class Behind:
    """
    An atom's rows, for the questions that come after.

    Attributes:
        contribution: The rows of an aggregate; None for one row.
        aggregation: The aggregate.
        group: The leaf of the report's row that it is; None for one that lies deeper.
        pins: Which groups are meant.
        leaves: The datasets' leaves that the value is of.
        counts: `entering`, `meant`, `adding` and failed tests.
    """

    contribution: Contribution | None
    aggregation: Aggregation | None
    group: Leaf | None
    pins: Pins
    leaves: tuple[Leaf, ...]
    counts: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Found:
    """What was found of a number: the query of its row, its line, and what is behind each atom."""

    asks: Asking
    root: Traced | None
    line: Line
    behind: list[Behind] = field(default_factory=list)

    def target(self, types: Answer | None) -> dict[str, Value]:
        """
        Return the one row of the query that the line is, with the columns of its leaves.

        Raises:
            EvidenceError: V7007 the files do not give this row.
            ProjectError: V7006 several rows of the report are alike.
        """
        assert self.root is not None  # noqa: S101 - called for numbers only
        kinds = dict(zip(types.names, types.types, strict=True)) if types is not None else {}
        wanted = [
            self._equals(i, name, value, kinds[name])
            for i, (name, value) in enumerate(self.line.values.items())
            if name in kinds
        ]
        tree = row_of(self.root, [w for w in wanted if w is not None])
        answer = self.asks.ask(tree, f"the row of line {self.line.number} in the report's query")
        rows = list(zip(*answer.columns, strict=True))
        if len(rows) != 1:
            raise self._not_one(len(rows))
        return {n: (v, t) for n, v, t in zip(answer.names, rows[0], answer.types, strict=True)}

    def _equals(self, i: int, name: str, value: object, kind: str) -> Equals | None:
        """Return the condition that a column has the value of the file; None where it cannot."""
        known = kind_of(kind)
        if known is not None and known[0] is Kind.TIMESTAMP:
            return None  # a layout may write less of an instant than it has
        if value is None or value == "":
            text = known is not None and known[0] is Kind.TEXT
            return Equals(column=name, parameter="", or_empty=text)
        self.asks.values[f"row_{i}"] = (value, kind)
        return Equals(column=name, parameter=f"row_{i}")

    def _not_one(self, rows: int) -> ProjectError | EvidenceError:
        if rows > 1:
            return ProjectError(
                "V7006",
                "several rows of the report are alike in every column",
                where=f"line {self.line.number}",
                expected="one row",
                observed=f"{rows:,} rows",
                next_step="which of them a line is cannot be told; follow a sum of the trailer",
            )
        return EvidenceError(
            "V7007",
            "the files of the delivery do not give this row",
            where=f"line {self.line.number}",
            expected="the row that was delivered",
            observed="no such row",
            next_step="puntual verify; puntual replay makes the report again from raw",
        )

    def atoms(self, column: str, target: Mapping[str, Value]) -> Iterator[Atom]:
        """Yield what a column of the row is made of."""
        assert self.root is not None  # noqa: S101 - called for numbers only
        refs = self.root.refs[column]
        if refs is None:
            raise refused(self.asks.tracer.where, f"{column} rests on a window or a subquery")
        if not refs:
            yield constant(exact_text(target[column][0]))
        single: dict[int, tuple[Leaf, list[str]]] = {}
        for leaf, name in refs:
            if leaf.group is None:
                single.setdefault(id(leaf), (leaf, []))[1].append(name)
            elif target[leaf.there][0] is True:
                yield from self._grouped(leaf, leaf.group, name, target)
            else:
                yield Atom(
                    expression=f"{leaf.group.label}.{name}",
                    kind="constant",
                    rows=0,
                    total="no row joined",
                    adds_up=None,
                )
        for leaf, names in single.values():
            if target[leaf.there][0] is True:
                yield self._one(leaf, names, target, column)

    def _one(self, leaf: Leaf, names: list[str], target: Mapping[str, Value], column: str) -> Atom:
        """Return a column of one row of a dataset."""
        place, position = (target[c][0] for c in leaf.columns)
        self.behind.append(
            Behind(
                contribution=None,
                aggregation=None,
                group=None,
                pins=Pins(),
                leaves=(leaf,),
                counts=(1, 1, 1),
            )
        )
        report = f"report:{self.asks.delivery.report}"
        said = self.asks.show(report, column, target[column][0])
        row = PlacedRow(
            dataset=leaf.dataset,
            object=str(place),
            position=int(str(position)),
            role="contributes",
            value=said,
        )
        return Atom(
            expression=", ".join(f"{leaf.dataset}.{n}" for n in names),
            kind="value",
            rows=1,
            total=said or "",
            adds_up=None,
            shown=(row,),
        )

    def _grouped(
        self, leaf: Leaf, group: Aggregation, name: str, target: Mapping[str, Value]
    ) -> Iterator[Atom]:
        keys = tuple(f"key_{len(self.behind)}_{i}" for i in range(len(leaf.columns)))
        for key, c in zip(keys, leaf.columns, strict=True):
            self.asks.values[key] = target[c]
        pins = Pins(parameters=keys)
        made = [
            self.atom(c, group, pins, leaf)
            for c in contributions(group, name, self.asks.tracer.where)
        ]
        adds_up = self._adds_up(group, name, made, keys, target[leaf.values[name]][0])
        for atom, _, _ in made:
            yield replace(atom, adds_up=adds_up)

    def _adds_up(
        self,
        group: Aggregation,
        name: str,
        made: list[tuple[Atom, str, Value]],
        keys: tuple[str, ...],
        expected: object,
    ) -> bool:
        """Say whether a column's expression over what the contributors give is its value."""
        totals = {}
        for i, (_, said, value) in enumerate(made):
            self.asks.values[f"atom_{i}"] = value
            totals[said] = f"atom_{i}"
        answer = self.asks.ask(recomputed(group, name, totals, keys), "", told=False)
        return answer.columns[0][0] == expected

    def atom(
        self, found: Contribution, group: Aggregation, pins: Pins, leaf: Leaf | None
    ) -> tuple[Atom, str, Value]:
        """Return an aggregate's contributors; its SQL; and what they give, with its type."""
        asks = self.asks
        counted = asks.ask(
            summary(found, pins), f"how many rows, and what they give: {found.expression}"
        )
        values = [c[0] for c in counted.columns]
        entering, meant, adding = (int(str(v)) for v in values[:3])
        result = values[3]
        slot = len(self.behind)
        self.behind.append(
            Behind(
                contribution=found,
                aggregation=group,
                group=leaf,
                pins=pins,
                leaves=tuple(x for x in found.leaves[: found.valued] if x.dataset),
                counts=(entering, meant, adding, *(int(str(v)) for v in values[4:])),
            )
        )
        rows = self._page(found, pins) if adding else ()
        inner = tuple(
            self._inner(found, pins, deeper, name, result) for deeper, name in found.inner if adding
        )
        shown_total = found.kind in ADDED and (adding != 1 or found.kind != "sum")
        said = exact_text(result) if result is not None else "null"
        if not shown_total:
            said = self._masked(found, result) or "null"
        assert slot < len(self.behind)  # noqa: S101 - inner atoms come after
        atom = Atom(
            expression=found.expression,
            kind=found.kind,
            rows=adding,
            total=said,
            adds_up=None,
            shown=rows,
            first=asks.page.offset + 1,
            inner=tuple(a for group_of in inner for a in group_of),
        )
        return atom, found.expression, (result, counted.types[3])

    def _inner(
        self, found: Contribution, pins: Pins, leaf: Leaf, name: str, result: object
    ) -> tuple[Atom, ...]:
        """Return what aggregates of aggregates are made of: the groups that contribute."""
        assert leaf.group is not None  # noqa: S101 - `inner` has no others
        deeper = groups_behind(found, pins, leaf)
        made = [
            self.atom(c, leaf.group, deeper, None)
            for c in contributions(leaf.group, name, self.asks.tracer.where)
        ]
        plain = found.kind == "sum" and len(made) == 1 and made[0][0].kind in ("sum", "count")
        return tuple(
            replace(atom, adds_up=_same(value[0], result) if plain else None)
            for atom, _, value in made
        )

    def _page(self, found: Contribution, pins: Pins) -> tuple[PlacedRow, ...]:
        """Return the contributors that are listed; of one that is an aggregate, none."""
        asks = self.asks
        if not any(leaf.dataset for leaf in found.leaves):
            return ()
        tree = page(found, pins, limit=asks.page.limit, offset=asks.page.offset)
        answer = asks.ask(tree, f"the contributors from {asks.page.offset + 1}: {found.expression}")
        rows = []
        for values in zip(*answer.columns, strict=True):
            row = dict(zip(answer.names, values, strict=True))
            rows += list(self._placed(found, row))
        return tuple(rows)

    def _placed(self, found: Contribution, row: Mapping[str, object]) -> Iterator[PlacedRow]:
        role, value = "contributes", row["__value"]
        said = exact_text(value) if found.kind == "count" else self._masked(found, value)
        for leaf in found.leaves:
            if not leaf.dataset or row[leaf.there] is not True:
                continue
            place, position = (row[c] for c in leaf.columns)
            yield PlacedRow(
                dataset=leaf.dataset,
                object=str(place),
                position=int(str(position)),
                role=role,
                value=said if role == "contributes" else None,
            )
            role = "joined"

    def _masked(self, found: Contribution, value: object) -> str | None:
        """Return one row's value as it may be shown: by every column that it is made of."""
        if value is None:
            return None
        public = self.asks.mask.public
        closed = [f"{d}.{c}" for d, c in found.columns if c not in public.get(d, frozenset())]
        if not closed and not found.inner:
            return exact_text(value)
        if self.asks.mask.off:
            self.asks.revealed.update(closed or [found.expression])
            return exact_text(value)
        return self.asks.mask.of(value)


def _same(left: object, right: object) -> bool:
    numbers = int | Decimal
    if isinstance(left, numbers) and isinstance(right, numbers):
        return Decimal(left) == Decimal(right)
    return left == right

"""
Finds the columns of a project's SELECT, and the columns and tables it names wrongly.

What cannot be told (a pivot, a table function, `COLUMNS(...)`) is unknown, and nothing that
rests on it is complained about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from puntual.model.contract import Kind
from puntual.project.complaints import Complaints, suggest
from puntual.project.queries import Parsed

FLOAT = "float"
"""The type of a column that is not exact."""

CLOCK = "timestamp without a zone"
"""
The type of a column that is what a clock shows somewhere; `Kind.TIMESTAMP` is an instant.

Curated timestamps are instants. In text and in UTC the two look alike, so they are never compared.
"""

Columns = dict[str, str]
"""Column → its `Kind`, `float`, `CLOCK`, or "" when it cannot be told; in order, in lower case."""

_TYPES = {
    **dict.fromkeys(exp.DataType.INTEGER_TYPES, Kind.INTEGER.value),
    **dict.fromkeys(exp.DataType.TEXT_TYPES, Kind.TEXT.value),
    **dict.fromkeys(exp.DataType.FLOAT_TYPES, FLOAT),
    exp.DataType.Type.DECIMAL: Kind.DECIMAL.value,
    exp.DataType.Type.DATE: Kind.DATE.value,
    exp.DataType.Type.TIMESTAMP: CLOCK,
    exp.DataType.Type.TIMESTAMPTZ: Kind.TIMESTAMP.value,
    exp.DataType.Type.TIMESTAMPNTZ: CLOCK,
    exp.DataType.Type.BOOLEAN: Kind.BOOLEAN.value,
}
_ZONED = {Kind.TIMESTAMP.value: CLOCK, CLOCK: Kind.TIMESTAMP.value}
"""What AT TIME ZONE makes of an instant, and of what a clock shows."""

_SAME = (
    exp.Alias,
    exp.Paren,
    exp.Neg,
    exp.Abs,
    exp.Max,
    exp.Min,
    exp.Sum,
    exp.AnyValue,
    exp.First,
    exp.Last,
)
_NUMBERS = frozenset({Kind.INTEGER.value, Kind.DECIMAL.value})
_SKIPPED = (exp.Lambda, exp.PropertyEQ, exp.Kwarg)

Sources = dict[str, Columns | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    A SELECT and what it returns.

    Attributes:
        parsed: What was read.
        columns: Its columns; None when they cannot be told.
    """

    parsed: Parsed
    columns: Columns | None


def resolve(
    parsed: Parsed, tables: Mapping[str, Columns | None], complaints: Complaints, *, what: str
) -> Query:
    """
    Find a SELECT's columns; complain about unknown tables and columns.

    Args:
        parsed: What was read.
        tables: The tables that it may read, with their columns.
        complaints: Where what is wrong goes.
        what: What such a table is, such as `warehouse table`.
    """
    walk = _Walk(parsed=parsed, tables=tables, complaints=complaints, what=what)
    try:
        columns = _query(walk, parsed.tree, {}, ())
    except RecursionError:
        columns = None
        walk.complain("C1201", "this SQL is nested too deep to be judged", parsed.tree, "divide it")
    return Query(parsed=parsed, columns=columns)


def resolve_expression(
    parsed: Parsed, dataset: str, tables: Mapping[str, Columns | None], complaints: Complaints
) -> None:
    """Complain about unknown columns of an expression on one row of a dataset."""
    walk = _Walk(parsed=parsed, tables=tables, complaints=complaints, what="dataset")
    sources: Sources = {dataset: tables.get(dataset)}
    try:
        _names(walk, parsed.tree, {}, (sources,), frozenset())
    except RecursionError:
        walk.complain("C1201", "this SQL is nested too deep to be judged", parsed.tree, "divide it")


def output_errors(query: Query, complaints: Complaints) -> None:
    """Complain about columns without a name and names that stand twice in the outermost SELECT."""
    select = query.parsed.tree
    while isinstance(select, exp.Subquery | exp.SetOperation):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    seen: set[str] = set()
    for item in select.expressions:
        star = isinstance(item, exp.Star | exp.Columns) or _is_star(item)
        if star:
            continue
        name = _output_name(item)
        at = query.parsed.spot(item)
        if not name:
            message = "this column has no name; add AS name"
            query.parsed.snippet.complain(complaints, "C1208", message, at)
        elif name in seen:
            message = f"two columns are called '{name}'"
            query.parsed.snippet.complain(complaints, "C1208", message, at)
        seen.add(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    parsed: Parsed
    tables: Mapping[str, Columns | None]
    complaints: Complaints
    what: str
    told: set[int] = field(default_factory=set)

    def complain(self, code: str, message: str, node: exp.Expr, hint: str) -> None:
        at = self.parsed.spot(node)
        self.parsed.snippet.complain(self.complaints, code, message, at, hint=hint)


def _query(
    walk: _Walk, node: exp.Expr, ctes: Sources, outer: tuple[Sources, ...]
) -> Columns | None:
    ctes = _ctes(walk, node, ctes, outer)
    if isinstance(node, exp.Subquery):
        inner = _query(walk, node.this, ctes, outer)
        return None if node.args.get("pivots") else inner
    if isinstance(node, exp.SetOperation):
        left = _query(walk, node.this, ctes, outer)
        right = _query(walk, node.expression, ctes, outer)
        if left is None or right is None or node.args.get("by_name"):
            return None
        if len(left) != len(right):
            message = f"{len(left)} columns on one side, {len(right)} on the other"
            walk.complain("C1208", message, node.expression, "")
        kinds = zip(left.items(), right.values(), strict=False)
        return {name: kind if kind == other else "" for (name, kind), other in kinds}
    if isinstance(node, exp.Select):
        return _select(walk, node, ctes, outer)
    return None


def _ctes(walk: _Walk, node: exp.Expr, ctes: Sources, outer: tuple[Sources, ...]) -> Sources:
    with_ = node.args.get("with_")
    if with_ is None:
        return ctes
    ctes = dict(ctes)
    for cte in with_.expressions:
        name = cte.alias.lower()
        inner = {**ctes, name: None} if with_.args.get("recursive") else ctes
        columns = _query(walk, cte.this, inner, outer)
        ctes[name] = _renamed(columns, cte.args.get("alias"))
    return ctes


def _renamed(columns: Columns | None, alias: exp.Expr | None) -> Columns | None:
    names = [c.name.lower() for c in (alias.args.get("columns") or [])] if alias else []
    if not names:
        return columns
    kinds = list(columns.values()) if columns else []
    return {n: kinds[i] if i < len(kinds) else "" for i, n in enumerate(names)}


def _select(
    walk: _Walk, node: exp.Select, ctes: Sources, outer: tuple[Sources, ...]
) -> Columns | None:
    sources: Sources = {}
    hidden: dict[str, set[str]] = {}
    joins = list(node.args.get("joins") or [])
    from_ = node.args.get("from_")
    starred = True
    for item in [from_.this] if from_ is not None else []:
        joins = [*joins, *(item.args.get("joins") or [])]
        _source(walk, item, ctes, (sources, *outer), sources)
    for join in joins:
        before = len(sources)
        _source(walk, join.this, ctes, (sources, *outer), sources)
        names = list(sources)[before:]
        using = {i.name.lower() for i in join.args.get("using") or []}
        semi = str(join.kind).upper() in ("SEMI", "ANTI")
        starred = starred and str(join.method).upper() != "NATURAL"
        for name in names:
            hidden[name] = set(sources[name] or ()) if semi else using
    for lateral in node.args.get("laterals") or []:
        _source(walk, lateral, ctes, (sources, *outer), sources)
    aliases = frozenset(e.alias.lower() for e in node.expressions if isinstance(e, exp.Alias))
    for key, value in node.args.items():
        if key not in ("with_", "from_", "laterals"):
            _clause(walk, key, value, ctes, (sources, *outer), aliases)
    return _projection(node, sources, hidden) if starred else None


def _clause(
    walk: _Walk,
    key: str,
    value: object,
    ctes: Sources,
    scopes: tuple[Sources, ...],
    aliases: frozenset[str],
) -> None:
    for item in value if isinstance(value, list) else [value]:
        part = item.args.get("on") if isinstance(item, exp.Join) else item
        if isinstance(part, exp.Expr):
            _names(walk, part, ctes, scopes, aliases)


def _source(
    walk: _Walk,
    node: exp.Expr,
    ctes: Sources,
    scopes: tuple[Sources, ...],
    into: Sources,
) -> None:
    """Add one item of a FROM to the sources, under the name by which it is called."""
    alias = node.args.get("alias")
    called = alias.name.lower() if alias is not None and alias.name else f" {len(into)}"
    columns: Columns | None = None
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        called = node.alias_or_name.lower()
        columns = _table(walk, node, ctes)
    elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
        _source(walk, node.this, ctes, scopes, into)
        return
    elif isinstance(node, exp.Query):
        columns = _query(walk, node, ctes, scopes)
    elif isinstance(node, exp.Lateral) and isinstance(node.this, exp.Query):
        columns = _query(walk, node.this, ctes, scopes)
    else:
        _names(walk, node, ctes, scopes, frozenset())
    if node.args.get("pivots"):
        columns = None
    into[called] = _renamed(columns, alias)


def _table(walk: _Walk, node: exp.Table, ctes: Sources) -> Columns | None:
    name = node.name.lower()
    if node.args.get("db"):
        return None
    if name in ctes:
        return ctes[name]
    if name in walk.tables:
        return walk.tables[name]
    if id(node) not in walk.told:
        walk.told.add(id(node))
        if any(c in node.name for c in "./*:"):
            message = f"'{node.name}' is a file, not a table"
            walk.complain("C1203", message, node, "declare a source with a contract")
        else:
            message = f"unknown {walk.what} '{node.name}'"
            walk.complain("C1206", message, node, suggest(name, [*walk.tables, *ctes]))
    return None


def _names(
    walk: _Walk,
    part: exp.Expr,
    ctes: Sources,
    scopes: tuple[Sources, ...],
    aliases: frozenset[str],
) -> None:
    """Complain about the unknown columns of an expression; go into its subqueries."""

    def inner_query(node: exp.Expr) -> bool:
        return isinstance(node, exp.Query | exp.Lambda)

    for node in part.walk(prune=inner_query):
        if isinstance(node, exp.Query):
            _query(walk, node, ctes, scopes)
        elif isinstance(node, exp.Column) and _is_name(node):
            _column(walk, node, scopes, aliases)


def _is_name(node: exp.Column) -> bool:
    """Say whether a node names a column, and not a star, a struct's field or an argument."""
    star = isinstance(node.this, exp.Star)
    return not (star or isinstance(node.parent, _SKIPPED) or node.args.get("db"))


def _column(
    walk: _Walk, node: exp.Column, scopes: tuple[Sources, ...], aliases: frozenset[str]
) -> None:
    name, table = node.name.lower(), node.table.lower()
    every = [columns for scope in scopes for columns in scope.values()]
    if table:
        owners = [scope[table] for scope in scopes if table in scope]
        if not owners:
            if all(c is not None and table not in c for c in every) and table not in aliases:
                names = [s for scope in scopes for s in scope if s.strip() == s]
                message = f"no table is called '{node.table}' here"
                walk.complain("C1209", message, node.args["table"], suggest(table, names))
            return
        every = owners[:1]
    if any(c is None or name in c for c in every) or (not table and name in aliases):
        return
    known = [n for c in every if c is not None for n in c]
    owner = f" of '{node.table}'" if table else ""
    walk.complain("C1209", f"unknown column '{node.name}'{owner}", node.this, suggest(name, known))


def _projection(node: exp.Select, sources: Sources, hidden: dict[str, set[str]]) -> Columns | None:
    found: Columns = {}
    for item in node.expressions:
        if isinstance(item, exp.Star) or _is_star(item):
            expanded = _expand(item, sources, hidden)
            if expanded is None:
                return None
            for name, kind in expanded.items():
                found.setdefault(name, kind)
            continue
        if isinstance(item, exp.Columns):
            return None
        name = _output_name(item) or f" {len(found)}"
        found[name] = _kind(item, sources)
    return found


def _expand(item: exp.Expr, sources: Sources, hidden: dict[str, set[str]]) -> Columns | None:
    star = item.this if isinstance(item, exp.Column) else item
    chosen = item.table.lower() if isinstance(item, exp.Column) else ""
    found: Columns = {}
    for called, columns in sources.items():
        if chosen and called != chosen:
            continue
        if columns is None:
            return None
        left_out = set() if chosen else hidden.get(called, set())
        for name, kind in columns.items():
            if name not in left_out:
                found.setdefault(name, kind)
    without = {c.name.lower() for c in star.args.get("except_") or []}
    renames = {r.this.name.lower(): r.alias.lower() for r in star.args.get("rename") or []}
    replaced = {r.alias.lower(): _kind(r, sources) for r in star.args.get("replace") or []}
    return {
        renames.get(n, n): replaced.get(n, kind) for n, kind in found.items() if n not in without
    }


def _is_star(item: exp.Expr) -> bool:
    return isinstance(item, exp.Column) and isinstance(item.this, exp.Star)


def _output_name(item: exp.Expr) -> str:
    if isinstance(item, exp.Alias):
        return str(item.alias).lower()
    return item.name.lower() if isinstance(item, exp.Column) else ""


def _kind(item: exp.Expr, sources: Sources) -> str:
    """Tell an expression's type where that is plain; "" where it is not."""
    if isinstance(item, _SAME):
        return _kind(item.this, sources)
    if isinstance(item, exp.Column):
        table, name = item.table.lower(), item.name.lower()
        owners = [c for s, c in sources.items() if c and name in c and (not table or s == table)]
        return owners[0][name] if owners else ""
    if isinstance(item, exp.Cast):
        return _TYPES.get(item.to.this, "") if isinstance(item.to, exp.DataType) else ""
    if isinstance(item, exp.AtTimeZone):
        return _ZONED.get(_kind(item.this, sources), "")
    if isinstance(item, exp.Count):
        return Kind.INTEGER.value
    if isinstance(item, exp.Literal):
        if not item.is_string and "e" in item.name.lower():
            return FLOAT
        whole = Kind.DECIMAL if "." in item.name else Kind.INTEGER
        return Kind.TEXT.value if item.is_string else whole.value
    if isinstance(item, exp.Avg | exp.Div):
        return FLOAT
    if isinstance(item, exp.Coalesce | exp.Add | exp.Sub | exp.Mul):
        parts = [item.this, *(item.args.get("expressions") or []), item.args.get("expression")]
        kinds = {_kind(p, sources) for p in parts if isinstance(p, exp.Expr)}
        if len(kinds) == 1:
            return kinds.pop()
        if FLOAT in kinds and kinds <= {*_NUMBERS, FLOAT}:
            return FLOAT
        return Kind.DECIMAL.value if kinds <= _NUMBERS else ""
    return ""

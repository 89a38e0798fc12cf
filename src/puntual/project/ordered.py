"""
What in a SELECT depends on the order of rows, and has none: another answer another time.

Whether an ORDER BY tells every row from the others cannot be judged from the text: ties inside
one are the author's to avoid (`docs/reference/failures.md`, f51).
"""

from __future__ import annotations

from sqlglot import exp

_BY_ORDER = (
    exp.First,
    exp.Last,
    exp.AnyValue,
    exp.GroupConcat,
    exp.ArrayAgg,
)
"""Aggregates whose answer is a row's, or a list of rows, in the order in which they came."""

_BY_PLACE = (
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.PercentRank,
    exp.CumeDist,
    exp.Ntile,
    exp.Lag,
    exp.Lead,
    exp.FirstValue,
    exp.LastValue,
    exp.NthValue,
)
"""Functions of a row's place among others; over an OVER clause, whose ORDER BY says which."""

_AROUND = (exp.IgnoreNulls, exp.RespectNulls, exp.Filter, exp.WithinGroup)
_SORTS = (exp.ArraySort,)
_FRAMED = frozenset({"ROWS", "GROUPS"})


def unordered(node: exp.Expr) -> str:
    """Return what is wrong with a node that depends on an order of rows it has not; "" if right."""
    if isinstance(node, _BY_ORDER):
        return _aggregate(node)
    if isinstance(node, _BY_PLACE):
        window = _window(node)
        if _inside(node) or (window is not None and _window_order(window)):
            return ""
        return f"{_name(node)}() OVER (…) without ORDER BY numbers rows as they come"
    if isinstance(node, exp.Window):
        spec = node.args.get("spec")
        if isinstance(spec, exp.WindowSpec) and _neighbours(spec) and not _window_order(node):
            return "a window of neighbouring rows without ORDER BY has others another time"
    if isinstance(node, exp.Limit | exp.Fetch | exp.Offset):
        return _limit(node)
    if isinstance(node, exp.Distinct) and node.args.get("on") is not None:
        select = node.parent
        if select is not None and not select.args.get("order"):
            return "DISTINCT ON without ORDER BY keeps another row another time"
    return ""


def _aggregate(node: exp.Expr) -> str:
    if _inside(node):
        return ""
    window = _window(node)
    if window is not None and _window_order(window):
        return ""
    outer = node.parent
    while isinstance(outer, (*_AROUND, exp.Paren)):
        outer = outer.parent
    if isinstance(outer, _SORTS) and isinstance(node, exp.ArrayAgg):
        return ""  # a list that is sorted at once is the same in any order
    return f"{_name(node)}() without ORDER BY gives another value another time"


def _limit(node: exp.Expr) -> str:
    select = node.parent
    if select is None or select.args.get("order") or _one_row(select):
        return ""
    inner = select.this if isinstance(select, exp.Subquery) else None
    if inner is not None and inner.args.get("order"):
        return ""
    if isinstance(select.parent, exp.Exists):
        return ""  # it only asks whether there is a row
    count = node.args.get("expression")
    if isinstance(node, exp.Limit) and isinstance(count, exp.Literal) and count.this == "0":
        return ""
    word = "OFFSET" if isinstance(node, exp.Offset) else "LIMIT"
    return f"{word} without ORDER BY takes other rows another time"


def _one_row(select: exp.Expr) -> bool:
    """Say whether a SELECT without GROUP BY only aggregates: then there is one row to take."""
    if not isinstance(select, exp.Select) or select.args.get("group"):
        return False
    return bool(select.expressions) and all(
        e.find(exp.AggFunc) and not e.find(exp.Window) for e in select.expressions
    )


def _inside(node: exp.Expr) -> bool:
    """Say whether a function has an ORDER BY of its own, not one of a query in its argument."""
    return any(isinstance(argument, exp.Order) for argument in node.args.values())


def _window(node: exp.Expr) -> exp.Window | None:
    """Return the OVER clause of a function."""
    outer = node.parent
    while isinstance(outer, _AROUND):
        outer = outer.parent
    return outer if isinstance(outer, exp.Window) else None


def _window_order(window: exp.Window) -> bool:
    """Say whether an OVER clause, or the named window that it rests on, has an ORDER BY."""
    seen: set[str] = set()
    while not window.args.get("order"):
        name = window.args.get("alias")
        found = _named(window, name.name.lower()) if isinstance(name, exp.Identifier) else None
        if found is None or found.name.lower() in seen:
            return False
        seen.add(found.name.lower())
        window = found
    return True


def _named(window: exp.Window, name: str) -> exp.Window | None:
    select = window.find_ancestor(exp.Select)
    for found in select.args.get("windows") or [] if select is not None else []:
        if isinstance(found, exp.Window) and found.name.lower() == name and found is not window:
            return found
    return None


def _neighbours(spec: exp.WindowSpec) -> bool:
    """Say whether a frame is cut by places, and is not the whole partition."""
    ends = (str(spec.args.get("start")).upper(), str(spec.args.get("end")).upper())
    by_place = str(spec.args.get("kind")).upper() in _FRAMED
    return by_place and ends != ("UNBOUNDED", "UNBOUNDED")


def _name(node: exp.Expr) -> str:
    names: dict[type, str] = {exp.GroupConcat: "string_agg", exp.ArrayAgg: "array_agg"}
    return names.get(type(node)) or str(getattr(node, "sql_name", lambda: "")()).lower()

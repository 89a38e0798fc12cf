"""
The texts of a JSON object's fields, exactly as they were sent where they are numbers.

DuckDB reads an unquoted number into a double. Fifteen significant digits survive that, more do
not, so on the lines where a column of numbers is given unquoted and the line holds a longer
decimal number, the number's text is taken from the line itself.

Of a column of text, an unquoted number is taken in its shortest form (`1.50` gives `1.5`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from puntual.engines.dialect import literal
from puntual.model.contract import Column, Kind

_LONG = r":\s*-?[0-9][0-9.eE+-]{14,}"
_LONG_DECIMAL = r":\s*-?[0-9]+[.eE][0-9.eE+-]*"
_NUMBERS = (Kind.DECIMAL, Kind.INTEGER)

Tree = dict[str, "str | Tree"]


def json_texts(source: str, columns: Sequence[Column]) -> str:
    """
    Return a SELECT over lines of (`ordinal`, `line`, `flaw`) of their fields' texts.

    Its columns are `ordinal`, `unreadable` (`not_json` where a line is no JSON object),
    `repeated` (a key stands twice in the object, or in an object that a column's path goes
    through; costs a second parse, only where it is asked for) and `t<i>`.
    """
    tree, paths = _tree(columns), [c.source_name.split(".") for c in columns]
    shape = literal(json.dumps(tree or {"_": "VARCHAR"}, ensure_ascii=False))
    parsed = f"SELECT ordinal, line, flaw, TRY(from_json(line, {shape})) AS j FROM ({source})"
    opened = "CASE WHEN starts_with(line, '{') THEN true ELSE "
    opened += "starts_with(ltrim(line, ' ' || chr(9)), '{') END"
    unreadable = (
        f"CASE WHEN line IS NULL THEN flaw WHEN j IS NULL OR NOT ({opened}) "
        "THEN coalesce(flaw, 'not_json') END"
    )
    inner = (
        f"SELECT ordinal, line, j, {unreadable} AS unreadable, {_repeated(tree)} AS repeated, "
        f"{_long(columns, paths)} AS long FROM ({parsed})"
    )
    texts = [f"{_text(c, p)} AS t{i}" for i, (c, p) in enumerate(zip(columns, paths, strict=True))]
    kept = ", ".join(["ordinal", "unreadable", "repeated", *texts])
    return f"SELECT {kept} FROM ({inner})"


def _tree(columns: Sequence[Column]) -> Tree:
    """Return the shape of the fields that are read, nested by their dotted paths."""
    tree: Tree = {}
    for column in columns:
        *outer, last = column.source_name.split(".")
        node = tree
        for name in outer:
            below = node.get(name)
            if not isinstance(below, dict):
                below = {}
                node[name] = below
            node = below
        # As JSON, a text keeps its quotation marks, which tells it from a number.
        node.setdefault(last, "JSON" if column.type.kind in _NUMBERS else "VARCHAR")
    return tree


def _text(column: Column, path: Sequence[str]) -> str:
    """Return the expression of one field's text."""
    read = _field(path)
    if column.type.kind not in _NUMBERS:
        return read
    name = re.sub(r"([^\w])", r"\\\1", path[-1], flags=re.ASCII)
    key = f'"{name}"\\s*:'
    after = key + r"\s*(-?[0-9][0-9.eE+-]*)\s*[,}]"
    once = f"len(regexp_extract_all(line, {literal(key)})) = 1"
    number = f"regexp_extract(line, {literal(after)}, 1)"
    return (
        f"CASE WHEN starts_with({read}, '\"') THEN substr({read}, 2, length({read}) - 2) "
        f"WHEN long AND {read} IS NOT NULL THEN CASE WHEN {once} THEN {number} ELSE '' END "
        f"ELSE {read}::VARCHAR END"
    )


def _long(columns: Sequence[Column], paths: Sequence[Sequence[str]]) -> str:
    """Return whether a line gives a number unquoted and holds one that a double cannot hold."""
    bare = [
        f"NOT starts_with({_field(p)}, '\"')"
        for c, p in zip(columns, paths, strict=True)
        if c.type.kind in _NUMBERS
    ]
    if not bare:
        return "false"
    return (
        f"CASE WHEN ({' OR '.join(bare)}) AND regexp_matches(line, {literal(_LONG)}) "
        f"THEN regexp_matches(line, {literal(_LONG_DECIMAL)}) ELSE false END"
    )


def _field(path: Sequence[str]) -> str:
    expression = "j"
    for name in path:
        expression = f"struct_extract({expression}, {literal(name)})"
    return expression


def _repeated(tree: Tree) -> str:
    """
    Return whether a key stands twice in one of the objects that are looked into.

    Where an object has no more keys than fields were found in it, none can, and they need not
    be compared.
    """
    tests = []
    for path, names in _objects(tree, ()):
        steps = "".join(f'."{name}"' for name in path)
        keys = f"json_keys(line, {literal('$' + steps)})" if path else "json_keys(line)"
        found = " + ".join(f"({_field((*path, n))} IS NOT NULL)::INTEGER" for n in names) or "0"
        tests.append(
            f"CASE WHEN len({keys}) = {found} THEN false "
            f"ELSE coalesce(len({keys}) <> len(list_distinct({keys})), false) END"
        )
    return f"CASE WHEN j IS NULL THEN false ELSE {' OR '.join(tests)} END"


def _objects(
    tree: Tree, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield each object that is looked into with the names of its fields."""
    yield path, tuple(tree)
    for name, below in tree.items():
        if isinstance(below, dict):
            yield from _objects(below, (*path, name))

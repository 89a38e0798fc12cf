"""
The texts of a JSON object's fields, exactly as they were sent.

DuckDB reads an unquoted number into a double. Fifteen significant digits survive that, more do
not, so on the few lines with a longer unquoted decimal number the number's text is taken from
the line itself. Only that is decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from puntual.engines.dialect import literal
from puntual.model.contract import Column, Kind

_LONG = r":\s*-?[0-9][0-9.eE+-]{14,}"
_LONG_DECIMAL = r":\s*-?[0-9]+[.eE][0-9.eE+-]*"
Tree = dict[str, "str | Tree"]


def json_texts(source: str, columns: Sequence[Column], every: Sequence[Column]) -> str:
    """
    Return a SELECT of (`ordinal`, `unreadable`, `t<i>`) over lines of (`ordinal`, `line`, `flaw`).

    A line that is no JSON object, or in which a key stands twice in the object or in an object
    that a column's path goes through, is `not_json`.

    Args:
        source: A SELECT of lines.
        columns: Whose texts are wanted.
        every: All columns of the contract: a record is readable or not by all of them.
    """
    tree, paths = _tree(every), [c.source_name.split(".") for c in columns]
    shape = literal(json.dumps(tree, ensure_ascii=False))
    parsed = f"SELECT ordinal, line, flaw, TRY(from_json(line, {shape})) AS j FROM ({source})"
    opened = "CASE WHEN starts_with(line, '{') THEN true ELSE "
    opened += "starts_with(ltrim(line, ' ' || chr(9)), '{') END"
    unreadable = (
        f"CASE WHEN line IS NULL THEN flaw WHEN j IS NULL OR NOT ({opened}) "
        f"OR {_repeated(tree)} THEN coalesce(flaw, 'not_json') END"
    )
    long = (
        f"CASE WHEN regexp_matches(line, {literal(_LONG)}) "
        f"THEN regexp_matches(line, {literal(_LONG_DECIMAL)}) ELSE false END"
    )
    inner = f"SELECT ordinal, line, j, {unreadable} AS unreadable, {long} AS long FROM ({parsed})"
    texts = [f"{_text(c, p)} AS t{i}" for i, (c, p) in enumerate(zip(columns, paths, strict=True))]
    return f"SELECT {', '.join(['ordinal', 'unreadable', *texts])} FROM ({inner})"


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
        node.setdefault(last, "VARCHAR")
    return tree


def _text(column: Column, path: Sequence[str]) -> str:
    """Return the expression of one field's text."""
    read = _field(path)
    if column.type.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.BOOLEAN):
        return read
    name = re.sub(r"([^\w])", r"\\\1", path[-1], flags=re.ASCII)
    key = f'"{name}"\\s*:'
    after = key + r"\s*(-?[0-9][0-9.eE+-]*)\s*[,}]"
    number = f"regexp_extract(line, {literal(after)}, 1)"
    once = f"len(regexp_extract_all(line, {literal(key)})) = 1"
    unsure = read if column.type.kind is Kind.TEXT else "''"
    exact = (
        f"CASE WHEN {read} IS NULL THEN NULL WHEN NOT ({once}) THEN {unsure} "
        f"WHEN {number} = '' THEN {read} ELSE {number} END"
    )
    return f"CASE WHEN long THEN {exact} ELSE {read} END"


def _field(path: Sequence[str]) -> str:
    expression = "j"
    for name in path:
        expression = f"struct_extract({expression}, {literal(name)})"
    return expression


def _repeated(tree: Tree) -> str:
    """
    Return whether a key stands twice in one of the objects that are looked into.

    Where an object has as many keys as fields were found in it, none can, and they need not
    be compared.
    """
    tests = []
    for path, names in _objects(tree, ()):
        steps = "".join(f'."{name}"' for name in path)
        keys = f"json_keys(line, {literal('$' + steps)})" if path else "json_keys(line)"
        found = " + ".join(f"({_field((*path, n))} IS NOT NULL)::INTEGER" for n in names)
        tests.append(
            f"CASE WHEN len({keys}) = {found} THEN false "
            f"ELSE coalesce(len({keys}) <> len(list_distinct({keys})), false) END"
        )
    return f"({' OR '.join(tests)})"


def _objects(
    tree: Tree, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield each object that is looked into with the names of its fields."""
    yield path, tuple(tree)
    for name, below in tree.items():
        if isinstance(below, dict):
            yield from _objects(below, (*path, name))

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
_BLANK = " OR ".join(f"contains(line, chr({code}) || ':')" for code in (32, 9, 10, 13))
_COLONS = "((strlen(line) - strlen(replace(line, '\":', ''))) // 2)"
_TEXTS = "((strlen(line) - strlen(replace(line, '\":\"', ''))) // 3)"
"""
`colons` counts `":`, or is -1 where a blank before a colon makes that meaningless. When each is
followed by a quotation mark, no value in the line is a number.
"""

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
    parsed = (
        f"SELECT ordinal, line, flaw, TRY(from_json(line, {shape})) AS j, "
        f"CASE WHEN {_BLANK} THEN -1 ELSE {_COLONS} END AS colons FROM ({source})"
    )
    opened = "CASE WHEN starts_with(line, '{') THEN true ELSE "
    opened += "starts_with(ltrim(line, ' ' || chr(9)), '{') END"
    unreadable = (
        f"CASE WHEN line IS NULL THEN flaw WHEN j IS NULL OR NOT ({opened}) "
        f"OR {_repeated(tree)} THEN coalesce(flaw, 'not_json') END"
    )
    long = (
        f"CASE WHEN colons = {_TEXTS} THEN false WHEN regexp_matches(line, {literal(_LONG)}) "
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

    Each key is followed by `":`. Where there are no more of those than fields and objects were
    found, no key can be there twice, and the keys need not be compared.
    """
    objects = list(_objects(tree, ()))
    fields = [(*path, name) for path, names in objects for name in names]
    found = " + ".join(f"({_field(f)} IS NOT NULL)::INTEGER" for f in fields)
    tests = []
    for path, _ in objects:
        steps = "".join(f'."{name}"' for name in path)
        keys = f"json_keys(line, {literal('$' + steps)})" if path else "json_keys(line)"
        tests.append(f"coalesce(len({keys}) <> len(list_distinct({keys})), false)")
    return f"CASE WHEN colons = {found} THEN false ELSE {' OR '.join(tests)} END"


def _objects(
    tree: Tree, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield each object that is looked into with the names of its fields."""
    yield path, tuple(tree)
    for name, below in tree.items():
        if isinstance(below, dict):
            yield from _objects(below, (*path, name))

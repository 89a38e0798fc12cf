"""
The texts of a JSON object's fields, exactly as they were sent where they are numbers.

DuckDB reads an unquoted number into a double. Fifteen significant digits survive that, more do
not, and 1e-400 becomes a zero; so on the lines where a column of numbers is given unquoted and
the line holds such a number, the number's text is taken from the line itself.

Of a column of text, an unquoted number is taken in its shortest form (`1.50` gives `1.5`).

Most files are written by one program, each line in the form of the first. A line that is exactly
its fields written in that form holds nothing else: no key twice, no number in another form. It
needs no second look; every other line gets one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from puntual.engines.dialect.sql import literal
from puntual.model.contract import Column, Kind

_LONG = r":\s*-?[0-9](?:[0-9.eE+-]{14,}|[0-9.]*[eE]-[0-9]{3})"
_LONG_DECIMAL = r":\s*-?[0-9]+[.eE][0-9.eE+-]*"
_NUMBERS = (Kind.DECIMAL, Kind.INTEGER)

# A key spelt with an escape (`"\u0061mount"`) is the field, and is not found by its name: what
# is found by its name is then another object's.
_ESCAPED_KEY = r'\\[u/][^"]*"\s*:'

_MEMBER = re.compile(
    r'(?P<before>\s*"(?P<key>[^"\\]+)"\s*:\s*)'
    r'(?P<value>"[^"\\]*"|-?[0-9][0-9.eE+-]*|true|false|null)(?P<after>\s*[,}])'
)

Tree = dict[str, "str | Tree"]


def json_texts(source: str, columns: Sequence[Column], sample: str = "") -> str:
    """
    Return a SELECT over lines of (`ordinal`, `line`, `flaw`) of their fields' texts.

    `sample` is a line in whose form most are expected to be; no answer depends on it.

    Its columns are `ordinal`, `unreadable` (`not_json` where a line is no JSON object),
    `repeated` (a key stands twice in the object, or in an object that a column's path goes
    through; costs a second parse, only where it is asked for) and `t<i>`.
    """
    tree, paths = _tree(columns), [c.source_name.split(".") for c in columns]
    form = _form(sample, tree)
    extra = {name: "VARCHAR" if quoted else "JSON" for name, _, quoted in form[:-1]}
    shape = literal(json.dumps({**extra, **tree} or {"_": "VARCHAR"}, ensure_ascii=False))
    parsed = f"SELECT ordinal, line, flaw, TRY(from_json(line, {shape})) AS j FROM ({source})"
    parsed = f"SELECT *, {_plain(form)} AS plain FROM ({parsed})"
    opened = "CASE WHEN starts_with(line, '{') THEN true ELSE "
    opened += "starts_with(ltrim(line, ' ' || chr(9)), '{') END"
    unreadable = (
        "CASE WHEN plain THEN NULL WHEN line IS NULL THEN flaw "
        f"WHEN j IS NULL OR NOT ({opened}) THEN coalesce(flaw, 'not_json') END"
    )
    inner = (
        f"SELECT ordinal, line, j, {unreadable} AS unreadable, "
        f"CASE WHEN plain THEN false ELSE {_repeated(tree)} END AS repeated, "
        f"CASE WHEN plain THEN false ELSE {_long(columns, paths)} END AS long FROM ({parsed})"
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


def _form(sample: str, tree: Tree) -> list[tuple[str, str, bool]]:
    """
    Return the form of a line: (key, what stands before its value, whether that is in quotes).

    The last has no key and what stands at the end. Nothing where the line is not one flat object
    with each key once, or gives a text that is read as such without quotes.
    """
    form: list[tuple[str, str, bool]] = []
    keys: set[str] = set()
    at, before = 1, "{"
    while sample.startswith("{") and (member := _MEMBER.match(sample, at)):
        key, value = member["key"], member["value"]
        read = tree.get(key, "VARCHAR" if value.startswith('"') else "JSON")
        quoted = read == "VARCHAR"
        if key in keys or not isinstance(read, str) or (quoted and not value.startswith('"')):
            return []
        keys.add(key)
        form.append((key, before + member["before"] + ('"' if quoted else ""), quoted))
        before, at = ('"' if quoted else "") + member["after"], member.end()
        if member["after"].endswith("}"):
            return [*form, ("", before, False)] if not sample[at:].strip("\r") else []
    return []


def _plain(form: Sequence[tuple[str, str, bool]]) -> str:
    """
    Return whether a line is its fields written in this form, and nothing else.

    Without a backslash in the line a text ends at its next quotation mark, so the two can only
    be equal where each value stands at its key's place.
    """
    if not form:
        return "false"
    pieces = [piece for key, before, _ in form[:-1] for piece in (literal(before), _field((key,)))]
    whole = ", ".join([*pieces, literal(form[-1][1])])
    return f"coalesce(NOT contains(line, '\\') AND line = concat({whole}), false)"


def _text(column: Column, path: Sequence[str]) -> str:
    """Return the expression of one field's text."""
    read = _field(path)
    if column.type.kind not in _NUMBERS:
        return read
    name = re.sub(r"([^\w])", r"\\\1", path[-1], flags=re.ASCII)
    key = f'"{name}"\\s*:'
    after = key + r"\s*(-?[0-9][0-9.eE+-]*)\s*[,}]"
    once = (
        f"len(regexp_extract_all(line, {literal(key)})) = 1 "
        f"AND NOT regexp_matches(line, {literal(_ESCAPED_KEY)})"
    )
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

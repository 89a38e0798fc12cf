"""
Validates a contract with the published JSON Schema of the Open Data Contract Standard.

The schema is a file of the package `open-data-contract-standard` (3.2's; what 3.1 allows, it
allows). The package's Python model is never imported: it turns numbers into floats, and takes
192 ms (`traps.md` 7).
"""

from __future__ import annotations

import difflib
import importlib.metadata
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError

from puntual.errors import ProjectError
from puntual.project.complaints import Complaints, suggest
from puntual.project.files import SourceFile
from puntual.project.yaml import Mapping, Node, Scalar, Sequence, plain

PACKAGE = "open-data-contract-standard"
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_RECONCILIATION = "reconciliation"
_ID_PATTERN = "^[A-Za-z0-9_-]+$"


def validate(node: Node, source: SourceFile, complaints: Complaints) -> bool:
    """
    Complain about everything in which a contract departs from the standard.

    Args:
        node: The contract.
        source: Its file.
        complaints: Where what is wrong goes.

    Returns:
        Whether it is valid.

    Raises:
        ProjectError: C1120 the schema is not installed.
    """
    errors = list(_deepest(_validator().iter_errors(plain(node))))
    plain_errors = [e for e in errors if e.validator not in _UNKNOWN]
    told = 0
    for error in errors:
        path = list(error.absolute_path)
        if error.validator in _UNKNOWN:
            told += _unknown_keys(error, find(node, path), source, complaints)
        else:
            _one(error, node, path, source, complaints)
            told += 1
    if errors and not told and not plain_errors:
        complaints.add("C1101", errors[0].message, source, find(node, errors[0].absolute_path))
    return not errors


_UNKNOWN = frozenset({"additionalProperties", "unevaluatedProperties"})


@cache
def _validator() -> Draft201909Validator:
    return Draft201909Validator(json.loads(_schema_text(), parse_float=Decimal))


def _schema_text() -> str:
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "schema.json":
            return file.read_text(encoding="utf-8")
    raise ProjectError(
        "C1120",
        "the JSON Schema of the Open Data Contract Standard is not installed",
        expected=f"schema.json in the package {PACKAGE}",
        next_step=f"pip install {PACKAGE}",
    )


@cache
def _known_keys() -> frozenset[str]:
    """Return every key that the schema knows anywhere."""
    found: set[str] = set()
    todo: list[object] = [json.loads(_schema_text())]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            properties = item.get("properties")
            found.update(properties if isinstance(properties, dict) else ())
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
    return frozenset(found)


def _deepest(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """Replace `anyOf` and `oneOf` errors by those of the branch that came furthest."""
    for error in errors:
        if error.validator in ("anyOf", "oneOf") and error.context:
            branches: dict[object, list[ValidationError]] = {}
            for inner in error.context:
                branches.setdefault(inner.schema_path[0], []).append(inner)
            best = max(branches.values(), key=lambda b: max(len(e.absolute_path) for e in b))
            if max(len(e.absolute_path) for e in best) > len(error.absolute_path):
                yield from _deepest(best)
                continue
        yield error


def _one(
    error: ValidationError,
    node: Node,
    path: list[str | int],
    source: SourceFile,
    complaints: Complaints,
) -> None:
    spot = find(node, path)
    name = ".".join(str(p) for p in path if isinstance(p, str)) or "the contract"
    if error.validator == "required":
        missing = _QUOTED.findall(error.message)[:1]
        complaints.add("C1101", f"{name} needs the key '{missing[0]}'", source, spot)
    elif error.validator == "pattern" and error.validator_value == _ID_PATTERN:
        message = f"id '{error.instance}' may only use A-Z a-z 0-9 _ -"
        complaints.add("C1107", message, source, spot)
    elif error.validator == "enum":
        values = [str(v) for v in getattr(error, "validator_value", ())]
        message = f"'{error.instance}' is not a possible {path[-1] if path else 'value'}"
        hint = suggest(str(error.instance), values) or "one of " + ", ".join(values)
        complaints.add("C1101", message, source, spot, hint=hint)
    elif error.validator == "type":
        message = f"{name} must be of type {error.validator_value}"
        complaints.add("C1101", message, source, spot)
    else:
        complaints.add("C1101", f"{name}: {' '.join(error.message.split())[:160]}", source, spot)


def _unknown_keys(
    error: ValidationError, spot: Node, source: SourceFile, complaints: Complaints
) -> int:
    """
    Complain about each unknown key at its own place.

    When a neighbour is wrong the validator calls every key of the mapping unevaluated; a key
    that the standard knows is then no complaint of its own.
    """
    if not isinstance(spot, Mapping):
        return 0
    names = set(_QUOTED.findall(error.message.partition("(")[2]))
    told = 0
    for entry in spot.entries:
        name = entry.key.text
        if name in names and name not in _known_keys():
            hint = suggest(name, _known_keys(), cutoff=0.75)
            hint = hint or "what is not in the standard goes into customProperties"
            message = f"ODCS has no key '{name}' here"
            complaints.add("C1101", message, source, entry.key, hint=hint)
            told += 1
    return told


def is_reconciliation(item: object) -> bool:
    """Say whether an item of `quality` has `method: reconciliation` (ODCS 3.1 DataQuality)."""
    method = _method(item)
    return method is not None and method.text == _RECONCILIATION


def misspelt_reconciliation(item: object) -> Scalar | None:
    """Return the method of an item of `quality` that means `reconciliation` and does not say it."""
    method = _method(item)
    if method is None or method.text == _RECONCILIATION:
        return None
    near = difflib.get_close_matches(method.text.lower(), [_RECONCILIATION], n=1)
    return method if near else None


def _method(item: object) -> Scalar | None:
    method = item.get("method") if isinstance(item, Mapping) else None
    return method if isinstance(method, Scalar) else None


def find(node: Node, path: Iterable[str | int]) -> Node:
    """Return the node at a path of keys and indexes, or the last one on the way there."""
    for step in path:
        inner: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            inner = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int):
            inner = node.items[step] if step < len(node.items) else None
        if inner is None:
            return node
        node = inner
    return node

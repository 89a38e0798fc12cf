"""What two manifests of one step say differently, and what went into them that is another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.model.manifest import Manifest, ObjectRef

NO_CONTENT = frozenset({"loaded", "kind"})
"""Facts that say how a step was done, not what came of it."""

OF_AN_ENGINE = frozenset({"queries", "profile"})
"""What is said in the words of an engine, or of how it divided rows into files."""

_ZEROS = re.compile(r"(?<=\d)\.(\d*?)0+(?!\d)")
"""The zeros at the end of a number's decimals, and the point if nothing else stands behind it."""

TABLE = ".parquet"
"""What holds rows; two engines write other bytes for the same ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """
    One thing that is not as it was.

    Attributes:
        step: The step that made it.
        about: What: a file by its role and name, `records`, a sum, or a fact of the manifest.
        was: As it was published.
        now: As it is now.
        because: What went into the step and is another now: steps before it, contracts and SQL
            files, `the program`.
    """

    step: str
    about: str
    was: str
    now: str
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """
    Digests of the rows that two versions hold, where two engines wrote them.

    Attributes:
        was: Role of an object, with the name it has there → digest, as it was published.
        now: The same, as it is now.
    """

    was: Mapping[str, str]
    now: Mapping[str, str]


def compared(was: Manifest, now: Manifest, rows: Rows | None = None) -> tuple[Difference, ...]:
    """
    Return what a step made otherwise: objects by their bytes, then records, sums and facts.

    Args:
        was: Its manifest as it was published.
        now: Its manifest as it is now.
        rows: Stand in for the bytes of every table, where another engine wrote it; and facts are
            then compared without what an engine says in its own words, and numbers by value.

    Returns:
        In a fixed order; none when everything that came of the step is the same, though the
        manifests may differ in what went into them.
    """
    before = _content(was, None if rows is None else rows.was)
    after = _content(now, None if rows is None else rows.now)
    because = causes(was, now)
    return tuple(
        Difference(
            step=now.step,
            about=about,
            was=before.get(about, "none"),
            now=after.get(about, "none"),
            because=because,
        )
        for about in sorted({*before, *after}, key=_order)
        if before.get(about) != after.get(about)
    )


def causes(was: Manifest, now: Manifest) -> tuple[str, ...]:
    """Return the names of what went into a step and is another now; sorted, the program last."""
    names = {*was.inputs, *now.inputs}
    other = sorted(n for n in names if was.inputs.get(n) != now.inputs.get(n))
    return (*other, *(("the program",) if was.code != now.code else ()))


def _content(made: Manifest, rows: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return everything that came of a step, each under its name."""
    found = dict(_objects(made, tables=rows is None))
    found |= {f"rows {label}": digest for label, digest in (rows or {}).items()}
    found["records"] = f"{made.totals.records:,}"
    for name, amount in made.totals.sums.items():
        found[f"sum {name}"] = f"{amount:,f}" if rows is None else _by_value(f"{amount:,f}")
    for name, value in _facts(made, whole=rows is None).items():
        if name not in NO_CONTENT:
            found[f"fact {name}"] = f"sha256 {sha256(encode(value))}"
    return found


def _facts(made: Manifest, *, whole: bool) -> Mapping[str, object]:
    """Return the facts of a step; not whole: without what an engine says in its own way."""
    if whole:
        return made.facts
    return {k: _said(v) for k, v in made.facts.items() if k not in OF_AN_ENGINE}


def _said(value: object) -> object:
    """Return a fact without what an engine says of it in its own way."""
    if isinstance(value, Mapping):
        return {k: _said(v) for k, v in value.items() if k not in OF_AN_ENGINE}
    if isinstance(value, list):
        return [_said(v) for v in value]
    return _by_value(value) if isinstance(value, str) else value


def _by_value(text: str) -> str:
    """Return a text with its numbers as they count: over no row one engine sums 0, one 0.00."""
    return _ZEROS.sub(lambda found: f".{found[1]}" if found[1] else "", text)


def _objects(made: Manifest, *, tables: bool) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for ref in made.objects:
        if not tables and ref.name.endswith(TABLE):
            continue
        label = label_of(ref)
        seen[label] = seen.get(label, 0) + 1
        number = f" {seen[label]}" if seen[label] > 1 else ""
        yield f"file {label}{number}", f"sha256 {ref.sha256}"


def label_of(ref: ObjectRef) -> str:
    """Return what an object is called in its manifest: its role, and the name it has there."""
    name = ref.detail.get("name") or ref.detail.get("check", "")
    return f"{ref.role} {name}".rstrip()


def _order(about: str) -> tuple[int, str]:
    kinds = ("file", "rows", "records", "sum", "fact")
    return kinds.index(about.partition(" ")[0]), about

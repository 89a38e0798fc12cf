"""What two manifests of one step say differently, and what went into them that is another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.model.manifest import Manifest, ObjectRef

NO_CONTENT = frozenset({"loaded", "kind"})
"""Facts that say how a step was done, not what came of it."""


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


def compared(was: Manifest, now: Manifest) -> tuple[Difference, ...]:
    """
    Return what a step made otherwise: objects by their bytes, then records, sums and facts.

    Args:
        was: Its manifest as it was published.
        now: Its manifest as it is now.

    Returns:
        In a fixed order; none when everything that came of the step is the same, though the
        manifests may differ in what went into them.
    """
    before, after = _content(was), _content(now)
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


def _content(made: Manifest) -> Mapping[str, str]:
    """Return everything that came of a step, each under its name."""
    found = dict(_objects(made))
    found["records"] = f"{made.totals.records:,}"
    found |= {f"sum {name}": f"{value:,f}" for name, value in made.totals.sums.items()}
    for name, value in made.facts.items():
        if name not in NO_CONTENT:
            found[f"fact {name}"] = f"sha256 {sha256(encode(value))}"
    return found


def _objects(made: Manifest) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for ref in made.objects:
        label = _label(ref)
        seen[label] = seen.get(label, 0) + 1
        number = f" {seen[label]}" if seen[label] > 1 else ""
        yield f"file {label}{number}", f"sha256 {ref.sha256}"


def _label(ref: ObjectRef) -> str:
    """Return what an object is called in its manifest: its role, and the name it has there."""
    name = ref.detail.get("name") or ref.detail.get("check", "")
    return f"{ref.role} {name}".rstrip()


def _order(about: str) -> tuple[int, str]:
    kinds = ("file", "records", "sum", "fact")
    return kinds.index(about.partition(" ")[0]), about

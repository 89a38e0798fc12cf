"""
Files and shards of a source's day: by which name, which of them differ, and what is said of it.

A source knows its file by the name that it gave it, we by where it was dropped. Nothing is
matched by a guess: a name that fits two files fits neither, and the day does not agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal
from functools import reduce

from puntual.model.control import Hop, HopPart
from puntual.model.manifest import Totals

_EXACT = Context(prec=200)

NAMED = 3
"""Parts that are named where a sentence has to do."""


def called(said: Iterable[str], landed: Iterable[str]) -> dict[str, str]:
    """
    Return by which name a source knows what was landed.

    Args:
        said: Names of its control record.
        landed: Names of what was landed: a shard, or the path of a file.

    Returns:
        Landed name → the source's: the same, else the one that ends the path, from a `/` on,
        where it ends no other path and no other name ends this one. What has none is left out.
    """
    wanted, paths = set(said), set(landed)
    found = {path: path for path in paths & wanted}
    wanted -= paths
    paths -= found.keys()
    ends = {path: [e for e in _ends(path) if e in wanted] for path in paths}
    owners: dict[str, list[str]] = {}
    for path in paths:
        for end in ends[path]:
            owners.setdefault(end, []).append(path)
    for end, those in owners.items():
        if len(those) == 1 and ends[those[0]] == [end]:
            found[those[0]] = end
    return found


def _ends(path: str) -> Iterator[str]:
    """Yield what follows each `/` of a path."""
    steps = path.split("/")
    return ("/".join(steps[i:]) for i in range(1, len(steps)))


def differs(part: HopPart) -> bool:
    """Say whether a part does not agree; one that has one side only does not."""
    return part.residual_records != 0 or any(part.residual_sums.values())


def uncompared(part: HopPart) -> tuple[str, ...]:
    """Return the measures of which one side only gives a sum, sorted; none of a missing side."""
    if part.before is None or part.after is None:
        return ()
    return tuple(sorted(part.before.sums.keys() ^ part.after.sums.keys()))


def state(part: HopPart) -> str:
    """Return how a part stands: `broken`, `not compared` or `agrees`."""
    if differs(part):
        return "broken"
    return "not compared" if uncompared(part) else "agrees"


def unsettled(found: Hop) -> tuple[HopPart, ...]:
    """Return a hop's parts that agree only as far as they could be compared, by name."""
    return tuple(p for p in found.parts if state(p) == "not compared")


def unsummed(found: Hop) -> str:
    """Say which sums were not compared in how many parts, and which are the first; "" of none."""
    those = unsettled(found)
    columns = ", ".join(sorted({column for p in those for column in uncompared(p)}))
    names = ", ".join(p.name for p in those[:NAMED])
    of = f"{len(those)} of {len(found.parts)} parts: {names}"
    return f"{columns} not compared in {of}" if those else ""


def differing(found: Hop) -> tuple[HopPart, ...]:
    """Return a hop's parts that do not agree, by name."""
    return tuple(p for p in found.parts if differs(p))


def named(found: Hop) -> str:
    """Say how many parts of a hop differ, and which are the first; "" when none does."""
    wrong = differing(found)
    names = ", ".join(p.name for p in wrong[:NAMED])
    return f"{len(wrong)} of {len(found.parts)} parts differ: {names}" if wrong else ""


def told(part: HopPart, *, whole: bool = False) -> str:
    """Say in a few words what became of a part; `whole` with what was landed of it."""
    more = f"  {_line(part.after)}" if whole else ""
    return f"{part.name}  {_became(part)}{more}"


def _became(part: HopPart) -> str:
    if part.after is None:
        return "was not landed"
    if part.before is None or part.residual_records is None:
        return "is not in the control record"
    rows = f"{abs(part.residual_records):,} row{'s' if abs(part.residual_records) != 1 else ''}"
    if part.residual_records > 0:
        return f"lacks {rows}"
    if part.residual_records < 0:
        return f"has {rows} more than its source says"
    if any(part.residual_sums.values()):
        return "has its rows, and other sums"
    lacks = uncompared(part)
    return f"not compared: {', '.join(lacks)}" if lacks else "agrees"


def sides(part: HopPart, place: str = "") -> tuple[str, ...]:
    """
    Return in a line each what a source says of a part, what was landed, and the residual.

    Args:
        part: Which.
        place: Where it lies, to stand behind what was landed.
    """
    rest: Totals | None = None
    if part.residual_records is not None:
        rest = Totals(records=part.residual_records, sums=part.residual_sums)
    width = max(len(f"{t.records:,}") for t in (part.before, part.after, rest) if t is not None)
    said, landed = (_line(totals, width) for totals in (part.before, part.after))
    lines = (f"source says  {said}", f"landed       {landed}{place}")
    return lines if rest is None else (*lines, f"residual     {_line(rest, width)}")


def _line(totals: Totals | None, width: int = 0) -> str:
    return "nothing" if totals is None else f"{totals.records:>{width},} rows{_sums(totals.sums)}"


def _sums(sums: Mapping[str, Decimal]) -> str:
    return "".join(f"  {name} {value:,f}" for name, value in sorted(sums.items()))


def contradiction(found: Hop) -> str:
    """
    Say that a control record's parts do not add up to what it says of the day; "" if they do.

    A sum is added up only where every part gives it.
    """
    said = [p.before for p in found.parts if p.before is not None]
    if not said or found.before is None:
        return ""
    wrong: list[str] = []
    rows = sum(t.records for t in said)
    if rows != found.before.records:
        wrong.append(f"{rows:,} rows, its day to {found.before.records:,}")
    for name, day in sorted(found.before.sums.items()):
        if all(name in t.sums for t in said):
            whole = reduce(_EXACT.add, (t.sums[name] for t in said))
            wrong += [f"{name} {whole:,f}, its day to {day:,f}"] if whole != day else []
    text = "; ".join(wrong)
    return f"the control record contradicts itself: its parts add up to {text}" if wrong else ""

"""Which causes can explain a difference between two sides, and which are refused."""

from __future__ import annotations

from puntual.model.control import Cause, MeasureKind, Stage, StagedSide
from puntual.project.around import Known
from puntual.project.complaints import suggest
from puntual.project.section import Section
from puntual.project.sides import ReadMeasure
from puntual.project.terms import ReadTerm

_ORDER = tuple(Stage)
_BY_CURATION = (Cause.QUARANTINED, Cause.DUPLICATES, Cause.LATE)


def check_causes(
    section: Section,
    left: tuple[ReadTerm, ...],
    right: tuple[ReadTerm, ...],
    measures: tuple[ReadMeasure, ...],
    names: tuple[str, ...],
    known: Known,
) -> tuple[Cause, ...]:
    """
    Read `explained_by`, and complain about what cannot occur between the two sides.

    Returns:
        The causes, sorted.
    """
    if not names:
        return ()
    possible, why = _possible(left, right, known)
    found: list[Cause] = []
    for name, spot in zip(names, section.item_spots("explained_by"), strict=True):
        if name not in set(Cause):
            hint = suggest(name, Cause, cutoff=0.8) or "known: " + ", ".join(Cause)
            section.complain("C1011", f"'{name}' explains nothing", spot, hint=hint)
        elif name not in possible:
            can = ", ".join(possible) if possible else "nothing"
            message = f"'{name}' cannot occur between these sides{why}"
            section.complain("C1309", message, spot, hint=f"what can: {can}")
        else:
            found.append(Cause(name))
    for measure in measures if found else ():
        _additive(measure, left, tuple(found))
    return tuple(sorted(found))


def _possible(
    left: tuple[ReadTerm, ...], right: tuple[ReadTerm, ...], known: Known
) -> tuple[tuple[Cause, ...], str]:
    """Return what can take rows out between left and right, and why nothing can."""
    sides = [t.side for t in (*left, *right)]
    if len(left) != 1 or len(right) != 1:
        return (), ", which have several terms"
    before, after = sides
    if not (isinstance(before, StagedSide) and isinstance(after, StagedSide)):
        return (), ": only stages of one dataset have causes between them"
    origin = known.origin(after.dataset)
    if origin is None or known.origin(before.dataset) != origin:
        return (), f": {after.dataset} does not carry the rows of {before.dataset} one for one"
    if _ORDER.index(before.stage) >= _ORDER.index(after.stage) and not (
        before.stage is after.stage is Stage.CURATED
    ):
        return (), f": {after.stage.value} does not come after {before.stage.value}"
    found: list[Cause] = []
    if before.stage in (Stage.SOURCE, Stage.RAW) and after.stage in (
        Stage.CURATED,
        Stage.WAREHOUSE,
    ):
        found += _BY_CURATION
    elif after.stage is Stage.WAREHOUSE:
        found.append(Cause.QUARANTINED)
    model = known.datasets.models.get(after.dataset)
    filters = model is not None and bool(model.filters)
    if filters and before.dataset == origin and before.stage is not Stage.SOURCE:
        found.append(Cause.FILTERED)
    return tuple(found), ""


def _additive(measure: ReadMeasure, left: tuple[ReadTerm, ...], causes: tuple[Cause, ...]) -> None:
    """Complain about a measure from which what left cannot be taken away."""
    side = left[0].side
    curated = isinstance(side, StagedSide) and side.stage is Stage.CURATED
    digest = measure.asked.kind is MeasureKind.DIGEST
    if measure.asked.kind.adds or (digest and curated and causes == (Cause.QUARANTINED,)):
        return
    message = f"{measure.asked.name} cannot be explained: it does not add up"
    hint = "compare it between sides with nothing between them, in a control of its own"
    measure.section.complain("C1309", message, measure.key, hint=hint)

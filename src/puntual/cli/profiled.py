"""How the columns of a day changed against the day committed before it: information only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from puntual.checks.drift import drift, share
from puntual.cli.archive import Archive
from puntual.cli.wrap import wrapped
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.manifest import Manifest
from puntual.model.profile import ColumnDrift, DatasetProfile
from puntual.runner import checkpoint


def profiles(committed: Mapping[str, Manifest]) -> tuple[DatasetProfile, ...]:
    """Return what a day's reconciliation says of its columns; nothing where it says nothing."""
    return list_from_json(DatasetProfile, committed["reconcile"].facts.get("profile", []))


def day_before(archive: Archive, day: date) -> tuple[date, dict[str, Manifest]] | None:
    """Return the last day before this one that was reconciled, and its manifests."""
    names = archive.pointers.read_prefix("reconcile/")
    days = sorted(date.fromisoformat(n.rpartition("/")[2]) for n in names)
    earlier = [d for d in days if d < day]
    if not earlier:
        return None
    digest = names[f"reconcile/{earlier[-1].isoformat()}"]
    return earlier[-1], {"reconcile": checkpoint.by_digest(archive, digest)}


def changes(
    archive: Archive, committed: Mapping[str, Manifest], day: date, dataset: str | None
) -> tuple[date | None, tuple[ColumnDrift, ...]]:
    """
    Return the day that is compared with, and what changed since.

    Raises:
        EvidenceError: V2003 a manifest has another shape.
    """
    earlier = day_before(archive, day)
    if earlier is None:
        return None, ()
    found = drift(profiles(earlier[1]), profiles(committed))
    return earlier[0], tuple(c for c in found if dataset in (None, c.dataset))


def text_of(
    now: tuple[DatasetProfile, ...], before: date | None, found: tuple[ColumnDrift, ...]
) -> Iterator[str]:
    """Yield what people read of a profile: what changed, else the columns themselves."""
    if before is None:
        yield " no earlier day was reconciled; the columns of this one:"
        for profile in now:
            yield f" {profile.dataset}   {profile.rows:,} rows"
            for c in profile.columns:
                ends = f"{c.minimum} … {c.maximum}" if c.minimum is not None else ""
                ends = "classified: no range is kept" if c.classified else ends
                nulls, distinct = share(c.nulls, profile.rows), f"≈ {c.distinct:,}"
                yield from wrapped(
                    f"{c.name:<24} null {nulls:<9} distinct {distinct:<12} {ends}", "   "
                )
        return
    yield f" columns against {before.isoformat()}: {len(found)} changes (information, no verdict)"
    for dataset in dict.fromkeys(c.dataset for c in found):
        yield f" {dataset}"
        for change in (c for c in found if c.dataset == dataset):
            said = f"{change.column or '-':<24} {change.trait:<11} {change.before} → {change.after}"
            yield from wrapped(said, "   ")


def json_of(
    now: tuple[DatasetProfile, ...], before: date | None, found: tuple[ColumnDrift, ...]
) -> dict[str, object]:
    """Return a profile as JSON values."""
    return {
        "against": before.isoformat() if before else None,
        "changes": to_json(found),
        "columns": to_json(now),
    }

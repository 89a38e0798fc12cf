"""What the pointers say of a day: which sources are landed, which reports were delivered."""

from __future__ import annotations

from datetime import date

from puntual.model.manifest import Digest
from puntual.runner import checkpoint


def landed_sources(store: checkpoint.Store, day: date) -> frozenset[str]:
    """Return the sources that have been landed for a day, whatever came of it."""
    suffix = f"/{day.isoformat()}"
    names = store.pointers.read_prefix("land:")
    return frozenset(n.removeprefix("land:").removesuffix(suffix) for n in names if suffix in n)


def sent_reports(store: checkpoint.Store, day: date) -> dict[str, Digest]:
    """Return the reports that were delivered for a day, with the digests of what recorded it."""
    suffix = f"/{day.isoformat()}"
    names = store.pointers.read_prefix("deliver:")
    return {
        n.removeprefix("deliver:").removesuffix(suffix): digest
        for n, digest in names.items()
        if n.endswith(suffix)
    }


def committed_steps(store: checkpoint.Store, day: date) -> dict[str, Digest]:
    """Return step id → digest of the manifest that it has committed for a day."""
    suffix = f"/{day.isoformat()}"
    return {
        name.removesuffix(suffix): digest
        for name, digest in store.pointers.read_prefix("").items()
        if name.endswith(suffix)
    }

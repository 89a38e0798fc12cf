"""Which manifest the readers of a name see; published atomically and fenced."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from puntual.model.manifest import Digest


class Pointers(Protocol):
    """
    Names that point at manifests: `curate:card_events/2026-11-20` → digest.

    A switch is atomic and durable when it returns. Every switch carries the epoch of a lease;
    a lower epoch than the stored one is refused (`failures.md` 2, rule 2).
    """

    def read(self, name: str) -> Digest | None:
        """Return the manifest that a name points at; None if it was never published."""

    def read_prefix(self, prefix: str) -> Mapping[str, Digest]:
        """Return every published name that starts with a prefix, sorted by name."""

    def switch(
        self,
        changes: Mapping[str, Digest],
        *,
        seen: Mapping[str, Digest | None],
        epoch: int,
    ) -> bool:
        """
        Point names at manifests, all or none, if each still points at what was seen.

        Repeating a switch whose answer was lost succeeds.

        Args:
            changes: Name → new manifest.
            seen: Name → manifest it pointed at when it was read; same keys as `changes`.
            epoch: Of the lease held.

        Returns:
            False if somebody else published first; nothing changed.

        Raises:
            PermanentError: T2001 the epoch is lower than the stored one: this writer has lost
                its lease and must stop.
            TransientError: T2002 the store did not answer; the switch may have happened.
        """


class Lease(Protocol):
    """A lease that is held; released on leaving the `with` block, or when its holder dies."""

    epoch: int

    def __enter__(self) -> Lease:
        """Return self."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lease."""


class Leases(Protocol):
    """At most one holder of a name at a time; each grant has a higher epoch than all before."""

    def acquire(self, name: str) -> Lease:
        """
        Take the lease.

        Raises:
            TransientError: T2003 another living process holds it; says which and since when.
        """

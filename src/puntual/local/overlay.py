"""Port `Objects` as two stores: what is written goes to one, what it lacks is read in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from puntual.local.objects import LocalObjects
from puntual.model.manifest import Digest, ObjectRef


@dataclass(frozen=True, slots=True)
class Overlay:
    """
    A store of its own over one that is never written: a replay over the published objects.

    Attributes:
        upper: Written, and read first.
        lower: Read where the upper one has no such object.
    """

    upper: LocalObjects
    lower: LocalObjects

    def put_file(
        self,
        prefix: str,
        path: str,
        *,
        suffix: str,
        records: int = 0,
        role: str = "data",
        detail: Mapping[str, str] | None = None,
        move: bool = True,
    ) -> ObjectRef:
        """Store a finished local file in the upper store; see the port."""
        return self.upper.put_file(
            prefix, path, suffix=suffix, records=records, role=role, detail=detail, move=move
        )

    def put_bytes(
        self,
        prefix: str,
        data: bytes,
        *,
        suffix: str,
        records: int = 0,
        role: str = "data",
        detail: Mapping[str, str] | None = None,
    ) -> ObjectRef:
        """Store bytes in the upper store; see the port."""
        return self.upper.put_bytes(
            prefix, data, suffix=suffix, records=records, role=role, detail=detail
        )

    def locate(self, ref: ObjectRef) -> str:
        """Return where an object lies, its digest having been checked; see the port."""
        return self._of(ref.name).locate(ref)

    def find(self, ref: ObjectRef) -> str:
        """Return where an object lies, its size having been checked; see the port."""
        return self._of(ref.name).find(ref)

    def read(self, ref: ObjectRef) -> bytes:
        """Return an object's bytes, checked; see the port."""
        return self._of(ref.name).read(ref)

    def read_named(self, prefix: str, sha256: Digest, suffix: str) -> bytes:
        """Return the bytes that a digest names, checked; see the port."""
        return self._of(f"{prefix}/{sha256}{suffix}").read_named(prefix, sha256, suffix)

    def verify(self, ref: ObjectRef) -> None:
        """Read an object through and compare its digest; see the port."""
        self._of(ref.name).verify(ref)

    def sweep(self) -> None:
        """Remove what attempts that died have left in the upper store; see the port."""
        self.upper.sweep()

    def scratch(self, name: str) -> str:
        """Return an empty private folder in the upper store; see the port."""
        return self.upper.scratch(name)

    def discard(self, path: str) -> None:
        """Remove a scratch folder of the upper store; see the port."""
        self.upper.discard(path)

    def _of(self, name: str) -> LocalObjects:
        return self.upper if self.upper.has(name) else self.lower

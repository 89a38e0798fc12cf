"""Port `Objects` as two stores: what is written goes to one, what it lacks is read in another."""

from __future__ import annotations

from pathlib import Path

from puntual.local.objects import LocalObjects
from puntual.model.manifest import Digest, ObjectRef
from puntual.ports.objects import Objects


class Overlay(LocalObjects):
    """A store of its own over one that is never written: a replay over the published objects."""

    def __init__(self, root: Path, lower: Objects) -> None:
        """
        Open the upper one.

        Args:
            root: Of the store that is written, and read first.
            lower: What is read where the other has no such object.
        """
        super().__init__(root)
        self._lower = lower

    def locate(self, ref: ObjectRef) -> str:
        """
        Return where an engine reads the object; see the port.

        Raises:
            EvidenceError: V1001, V1002.
            PermanentError: What the lower store refuses by.
            TransientError: It does not answer.
        """
        return super().locate(ref) if self.has(ref.name) else self._lower.locate(ref)

    def confirm(self, ref: ObjectRef) -> None:
        """
        See that the object's bytes are right; see the port, and `locate` for what is raised.

        Raises:
            EvidenceError: V1001, V1002.
        """
        super().confirm(ref) if self.has(ref.name) else self._lower.confirm(ref)

    def find(self, ref: ObjectRef) -> str:
        """
        Return where the object lies; see the port, and `locate` for what is raised.

        Raises:
            EvidenceError: V1001.
        """
        return super().find(ref) if self.has(ref.name) else self._lower.find(ref)

    def read(self, ref: ObjectRef) -> bytes:
        """
        Return the object's bytes, checked; see the port, and `locate` for what is raised.

        Raises:
            EvidenceError: V1001, V1002.
        """
        return super().read(ref) if self.has(ref.name) else self._lower.read(ref)

    def read_named(self, prefix: str, sha256: Digest, suffix: str) -> bytes:
        """
        Return the bytes that a digest names; see the port, and `locate` for what is raised.

        Raises:
            EvidenceError: V1001, V1002.
        """
        if self.has(f"{prefix}/{sha256}{suffix}"):
            return super().read_named(prefix, sha256, suffix)
        return self._lower.read_named(prefix, sha256, suffix)

    def verify(self, ref: ObjectRef) -> None:
        """
        Read the object through; see the port, and `locate` for what is raised.

        Raises:
            EvidenceError: V1001, V1002.
        """
        super().verify(ref) if self.has(ref.name) else self._lower.verify(ref)

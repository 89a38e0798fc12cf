"""Immutable, content-addressed objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from puntual.model.manifest import Digest, ObjectRef


class Objects(Protocol):
    """
    A store of immutable objects named by their SHA-256 (design 4.1).

    An object is visible whole or not at all, and is durable when a call returns. Storing the
    same bytes again is harmless and gives the same name.
    """

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
        """
        Store a finished local file under `<prefix>/<sha256><suffix>`.

        Args:
            prefix: Such as `curated/card_events/reference_date=2026-11-20/build=0a1b2c3d4e5f`.
            path: The file; it is moved into the store if `move`, else copied, never linked.
            suffix: Such as `.parquet`.
            records: See `ObjectRef`.
            role: See `ObjectRef`.
            detail: See `ObjectRef`.
            move: The file is ours and may be consumed.

        Raises:
            PermanentError: T1001 disk full, T1002 not permitted, T1003 input/output error.
        """

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
        """Store bytes as `put_file` does, with the same errors."""

    def locate(self, ref: ObjectRef) -> str:
        """
        Return where an engine reads the object (a path or URI), its digest having been checked.

        The bytes are read through once for each store that is opened; what it has itself
        written needs no check.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
        """

    def confirm(self, ref: ObjectRef) -> None:
        """
        See that the object's bytes are right, as `locate` does, and bring them nowhere.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
        """

    def find(self, ref: ObjectRef) -> str:
        """
        Return where the object lies, its size alone having been checked: to name, not to use.

        Raises:
            EvidenceError: V1001 the object is missing or has another size.
        """

    def read(self, ref: ObjectRef) -> bytes:
        """
        Return the object's bytes, their digest having been checked.

        Raises:
            EvidenceError: V1001 missing or of another size; V1002 of another digest.
        """

    def read_named(self, prefix: str, sha256: Digest, suffix: str) -> bytes:
        """
        Return the bytes of `<prefix>/<sha256><suffix>`, their digest having been checked.

        For what a pointer names by its digest alone, such as a manifest.

        Raises:
            EvidenceError: V1001 missing; V1002 of another digest.
        """

    def verify(self, ref: ObjectRef) -> None:
        """
        Read the object through and compare its digest, in bounded memory.

        Raises:
            EvidenceError: V1001, V1002.
        """

    def sweep(self) -> None:
        """
        Remove what attempts that died have left; only the holder of the run's lease may.

        Raises:
            PermanentError: T1002, T1003.
        """

    def scratch(self, name: str) -> str:
        """
        Return an empty private folder on a local disk for one attempt of one step.

        What was left in it by an attempt that died is removed first.
        """

    def discard(self, path: str) -> None:
        """Remove a scratch folder; a folder that is already gone is no error."""

"""Committed steps: the manifest is the commit, the pointer makes it visible (design 4.9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from puntual.errors import TransientError
from puntual.evidence.manifest import decode, encode
from puntual.failpoints import failpoint
from puntual.model.manifest import Digest, Manifest
from puntual.ports.objects import Objects
from puntual.ports.pointers import Pointers

MANIFESTS = "manifests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A committed manifest and the digest it is named by."""

    digest: Digest
    manifest: Manifest


class Store(Protocol):
    """Where manifests lie and what points at them; a `World` is one."""

    @property
    def objects(self) -> Objects:
        """The object store."""

    @property
    def pointers(self) -> Pointers:
        """The published names."""


def pointer(step: str, reference_date: date) -> str:
    """Return the name under which a step's day is published."""
    return f"{step}/{reference_date.isoformat()}"


def read(store: Store, step: str, reference_date: date) -> Published | None:
    """
    Return what a step has committed for a day; None if nothing.

    Raises:
        EvidenceError: The manifest is missing or altered.
    """
    digest = store.pointers.read(pointer(step, reference_date))
    if digest is None:
        return None
    return Published(digest=digest, manifest=by_digest(store, digest))


def by_digest(store: Store, digest: str) -> Manifest:
    """
    Return the manifest that a digest names.

    Raises:
        EvidenceError: V1001, V1002 it is missing or altered.
    """
    return read_manifest(store.objects, digest)


def read_manifest(objects: Objects, digest: Digest) -> Manifest:
    """
    Return the manifest that a digest names in a store.

    Raises:
        EvidenceError: V1001, V1002 it is missing or altered.
    """
    return decode(objects.read_named(MANIFESTS, digest, ".json"))


def commit(store: Store, manifest: Manifest, *, epoch: int) -> Published:
    """
    Store a manifest durably, then point its step's day at it.

    Raises:
        TransientError: T2006 another run published this step meanwhile.
        PermanentError: T2001 the lease was lost.
    """
    stored = store.objects.put_bytes(MANIFESTS, encode(manifest), suffix=".json", role="manifest")
    failpoint("step.stored")
    name = pointer(manifest.step, manifest.reference_date)
    seen = store.pointers.read(name)
    if seen != stored.sha256 and not _switched(store, name, seen, stored.sha256, epoch):
        raise TransientError(
            "T2006",
            f"another run published {manifest.step} first",
            where=f"reference date {manifest.reference_date}",
            expected="the version that was seen when the step began",
            observed="a newer one",
            next_step="puntual run again: it continues from what is committed",
        )
    return Published(digest=stored.sha256, manifest=manifest)


def _switched(store: Store, name: str, seen: Digest | None, digest: Digest, epoch: int) -> bool:
    """Switch a pointer; where the answer is lost, what was published says how it ended."""
    try:
        return store.pointers.switch({name: digest}, seen={name: seen}, epoch=epoch)
    except TransientError:
        if store.pointers.read(name) == digest:
            return True
        raise

"""Who agreed to which bytes: given once, never changed."""

from __future__ import annotations

from typing import Protocol

from puntual.model.approval import Approval
from puntual.model.manifest import Digest


class Approvals(Protocol):
    """Approvals, kept as immutable records."""

    def given(self, digest: Digest) -> tuple[Approval, ...]:
        """
        Return the approvals of these bytes, oldest first.

        Raises:
            EvidenceError: P3045 a record was altered.
            PermanentError: T1002 they may not be read.
        """

    def every(self) -> tuple[Approval, ...]:
        """Return every approval, oldest first; see `given`."""

    def add(self, approval: Approval) -> Digest:
        """
        Keep an approval durably, and return the digest of its record; repeatable.

        Raises:
            PermanentError: T1001-T1003 it cannot be written.
        """


class Identity(Protocol):
    """How it is known who somebody is; signatures by key will be another adapter."""

    def confirm(self, person: str, digest: Digest) -> str:
        """
        Return how the person's identity is known, such as `declared`.

        Raises:
            PermanentError: It cannot be confirmed.
        """


class NoApprovals:
    """Nobody has agreed to anything: what a place without people has."""

    def given(self, digest: Digest) -> tuple[Approval, ...]:
        """Return none."""
        return ()

    def every(self) -> tuple[Approval, ...]:
        """Return none."""
        return ()

    def add(self, approval: Approval) -> Digest:
        """Refuse: there is nowhere to keep it."""
        raise NotImplementedError("this place keeps no approvals")

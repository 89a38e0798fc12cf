"""Notices to people: one open for each obligation and cause, always followed by its resolution."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from puntual.model.check import Severity
from puntual.model.notice import Notice, Obligation


class Notices(Protocol):
    """
    What people have been told, and whether it still holds; durable when a call returns.

    It records. Who is told by which channel is decided by who reads it (design 4.15).
    """

    def open(
        self, obligation: Obligation, cause: str, severity: Severity, text: str, at: datetime
    ) -> bool:
        """
        Open a notice, unless one of this obligation and cause is open.

        Returns:
            False when it was open already; its text and instant stay as they were.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002 nothing, or all, was done; call it again.
        """

    def resolve(self, obligation: Obligation, cause: str, at: datetime, ended: str = "") -> bool:
        """
        Resolve the open notice of an obligation and cause.

        Args:
            obligation: Whose.
            cause: Which.
            at: UTC.
            ended: What ended it, in a few words for whoever was told; "" where nobody knows.

        Returns:
            False when none was open.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002 nothing, or all, was done; call it again.
        """

    def open_ones(self, obligation: Obligation | None = None) -> tuple[Notice, ...]:
        """
        Return the open notices, of one obligation or of all, oldest first.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """

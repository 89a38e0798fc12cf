"""Where a delivery goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from puntual.model.delivery import DeliveryId
from puntual.model.report import Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where the files lie, and their digests as read back."""

    destination: str
    files: Mapping[str, str]


class Destinations(Protocol):
    """Hands files over; sending the same bytes again is harmless."""

    def deliver(
        self, destination: Folder, delivery: DeliveryId, files: Mapping[str, bytes]
    ) -> Receipt:
        """
        Place the files, durably and each whole or not at all, and read them back.

        Raises:
            PermanentError: D1001 the destination may not be written, or is full.
            EvidenceError: D1002 another file with other bytes already has that name.
        """

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

    def put_aside(self, destination: Folder, name: str, files: Mapping[str, bytes]) -> str:
        """
        Give the folder of a package another name where other bytes lie in it; none is removed.

        For what a run laid out and did not commit, before the program or the data changed: a
        package must not stand in the way of its own next attempt.

        Args:
            destination: Where packages lie.
            name: The package's folder.
            files: By name in that folder, what is going to be laid there.

        Returns:
            The folder's new name; "" where nothing was in the way.

        Raises:
            PermanentError: D1001 the destination may not be written.
        """

"""A package is verified as its receiver would, before anything of it leaves."""

from __future__ import annotations

from collections.abc import Mapping

from puntual.errors import EvidenceError
from puntual.evidence.verify import verify
from puntual.model.delivery import DeliveryId


def require(delivery: DeliveryId, package: Mapping[str, bytes]) -> None:
    """
    Refuse a package that its receiver could not verify by itself: its files, and the chain.

    Args:
        delivery: Whose.
        package: Its files as they were attested, by name.

    Raises:
        EvidenceError: V3003 it does not hold together.
    """
    wrong = [line.sentence for line in verify(package, package.__getitem__) if line.ok is False]
    if wrong:
        raise EvidenceError(
            "V3003",
            f"the package of {delivery} would not verify; nothing was sent",
            where=str(delivery),
            expected="a package that verifies by itself",
            observed="; ".join(wrong[:3]),
            next_step="run the day again; puntual explain V3003 tells more",
        )

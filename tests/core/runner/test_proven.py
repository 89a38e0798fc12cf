"""What a receiver could not verify is not delivered."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from puntual.errors import EvidenceError
from puntual.evidence import manifest as manifests
from puntual.evidence.package import build_package
from puntual.evidence.statement import Claims
from puntual.model.delivery import Completeness, Decision, DeliveryId
from puntual.model.manifest import Manifest, Totals
from puntual.runner import proven

DAY = date(2026, 11, 20)
DELIVERY = DeliveryId(report="credit_daily", reference_date=DAY, version=1)
CONTRACT = "contracts/events.odcs.yaml"


def package(sealed_by: str, stated: str) -> dict[str, bytes]:
    """Make a package of one landed day: the contract that it was sealed by, and that is stated."""
    land = Manifest(
        step="land:events",
        dataset="events",
        reference_date=DAY,
        key="a" * 64,
        inputs={CONTRACT: sealed_by},
        code="c" * 64,
        objects=(),
        totals=Totals(records=0),
        facts={},
    )
    digest = manifests.digest_of(land)
    claims = Claims(
        delivery=DELIVERY,
        decision=Decision(completeness=Completeness.FULL, reasons=()),
        due_at=datetime(2026, 11, 23, 13, 0, tzinfo=UTC),
        seals=(),
        findings=(),
        hops=(),
        manifests={land.step: digest},
        files={CONTRACT: stated},
        code="c" * 64,
        project="e" * 64,
    )
    return build_package(
        claims,
        file_name="credit_daily_20261120_v1.txt",
        report=b"H\n",
        entries=(),
        manifests={digest: manifests.encode(land)},
    )


def test_a_package_that_verifies_is_let_through() -> None:
    proven.require(DELIVERY, package("d" * 64, "d" * 64))


def test_a_day_that_was_sealed_by_another_contract_than_is_stated_does_not_leave() -> None:
    with pytest.raises(EvidenceError, match="V3003") as raised:
        proven.require(DELIVERY, package("d" * 64, "f" * 64))
    assert raised.value.observed == (
        f"the chain is broken: land:events ← {CONTRACT} was made from other bytes than were stated"
    )


def test_a_package_of_which_a_file_is_another_does_not_leave() -> None:
    whole = package("d" * 64, "d" * 64)
    with pytest.raises(EvidenceError, match="V3003"):
        proven.require(DELIVERY, whole | {"credit_daily_20261120_v1.txt": b"other\n"})

"""Every promise of `Approvals`, kept by each store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.s3 import Faults

from puntual.aws.approvals import S3Approvals
from puntual.aws.bucket import Bucket
from puntual.errors import EvidenceError
from puntual.local.approvals import FolderApprovals
from puntual.model.approval import Approval, Subject
from puntual.ports.approvals import Approvals

A, B = "a" * 64, "b" * 64


def approval(digest: str, person: str, hour: int) -> Approval:
    return Approval(
        subject=Subject.DELIVERY,
        name="credit_daily/2026-11-20/v1",
        digest=digest,
        person=person,
        role="signatory",
        at=datetime(2026, 11, 23, hour, tzinfo=UTC),
    )


class ApprovalsSuite:
    """Every promise of Approvals; subclass it with an `approvals` fixture."""

    def test_what_was_given_comes_back_oldest_first_and_for_its_bytes_alone(
        self, approvals: Approvals
    ) -> None:
        late, early = approval(A, "María", 10), approval(A, "José", 9)
        for given in (late, early, approval(B, "José", 9)):
            approvals.add(given)
        assert approvals.given(A) == (early, late)
        assert approvals.given("c" * 64) == ()

    def test_the_same_one_is_kept_once(self, approvals: Approvals) -> None:
        first = approvals.add(approval(A, "María", 10))
        assert approvals.add(approval(A, "María", 10)) == first
        assert len(approvals.given(A)) == 1


class TestFolder(ApprovalsSuite):
    @pytest.fixture
    def approvals(self, tmp_path: Path) -> FolderApprovals:
        return FolderApprovals(tmp_path / "approvals")


class TestS3(ApprovalsSuite):
    @pytest.fixture
    def approvals(self, lake: Bucket) -> S3Approvals:
        return S3Approvals(lake.below("approvals"))

    def test_one_that_was_altered_is_refused(self, approvals: S3Approvals, lake: Bucket) -> None:
        name = approvals.add(approval(A, "María", 10))
        lake.overwrite(f"approvals/{name}.json", b'{"person":"Mallory"}')
        with pytest.raises(EvidenceError, match="P3045"):
            approvals.given(A)
        with pytest.raises(EvidenceError, match="P3045"):
            approvals.add(approval(A, "María", 10))

    @pytest.mark.row("f65")
    def test_o7_one_whose_answer_was_lost_is_kept_once(
        self, approvals: S3Approvals, injected: Faults
    ) -> None:
        injected.lose("PutObject")
        approvals.add(approval(A, "María", 10))
        assert len(approvals.given(A)) == 1

"""Each error of a service is one of ours, names what is missing, and tells no address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore import exceptions as vendor

from puntual.aws.faults import BUSY, TABLE, Fault, translated
from puntual.errors import EvidenceError, PermanentError, PuntualError, TransientError

WHERE = "s3://lake/bank/raw/x"


def refused(
    code: str, operation: str = "PutObject", *, status: int = 400, message: str = ""
) -> vendor.ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return vendor.ClientError(answer, operation)


def fault_of(error: Exception, **options: object) -> PuntualError:
    with pytest.raises(PuntualError) as caught, translated(WHERE, **options):  # type: ignore[arg-type]
        raise error
    assert caught.value.where == WHERE
    return caught.value


@pytest.mark.parametrize(
    ("vendor_code", "kind", "code"),
    [
        ("InternalError", TransientError, "T5001"),
        ("SlowDown", TransientError, "T5002"),
        ("ThrottlingException", TransientError, "T5002"),
        ("ProvisionedThroughputExceededException", TransientError, "T5002"),
        ("ConditionalRequestConflict", TransientError, "T5002"),
        ("BadDigest", TransientError, "T5003"),
        ("AccessDenied", PermanentError, "T5004"),
        ("KMS.DisabledException", PermanentError, "T5005"),
        ("NoSuchBucket", PermanentError, "T5006"),
        ("ExpiredToken", PermanentError, "T5007"),
        ("NobodyKnowsThis", PermanentError, "T5008"),
    ],
)
def test_a_code_of_a_service_is_one_of_three_kinds_of_trouble(
    vendor_code: str, kind: type[PuntualError], code: str
) -> None:
    found = fault_of(refused(vendor_code))
    assert (type(found), found.code) == (kind, code)
    assert vendor_code in found.observed


def test_an_unknown_code_with_a_status_of_the_server_may_pass_by_waiting() -> None:
    assert fault_of(refused("NobodyKnowsThis", status=503)).code == "T5001"
    assert fault_of(refused("", status=503)).code == "T5001"


@pytest.mark.parametrize(
    ("error", "permission"),
    [
        (refused("AccessDenied", "PutObject"), "s3:PutObject"),
        (refused("403", "HeadObject"), "s3:GetObject, or s3:ListBucket where there is no object"),
        (refused("AccessDenied", "CompleteMultipartUpload"), "s3:PutObject"),
        (
            refused(
                "AccessDenied",
                "PutObject",
                message="User: arn:x is not authorized to perform: kms:GenerateDataKey on y",
            ),
            "kms:GenerateDataKey",
        ),
    ],
)
def test_what_is_denied_names_the_permission_that_is_missing(
    error: vendor.ClientError, permission: str
) -> None:
    assert fault_of(error).observed.endswith(f"missing: {permission}")


def test_a_permission_bears_the_name_of_its_service() -> None:
    found = fault_of(refused("AccessDeniedException", "StartJobRun"), service="glue")
    assert found.observed.endswith("missing: glue:StartJobRun")


def test_a_code_may_mean_something_else_in_one_place_or_one_service() -> None:
    mine = Fault(kind=EvidenceError, code="V1001", message="x", expected="y", next_step="z")
    error = refused("ResourceNotFoundException")
    assert fault_of(error, also={"ResourceNotFoundException": mine}).code == "V1001"
    also = {"glue:ResourceNotFoundException": mine}
    assert fault_of(error, also=also, service="glue").code == "V1001"
    assert fault_of(error, also=also, service="kinesis").code == "T5006"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: vendor.EndpointConnectionError(endpoint_url="https://u:s3cret@x"), "T5001"),
        (lambda: vendor.ReadTimeoutError(endpoint_url="https://x?X-Amz-Signature=s3cret"), "T5001"),
        (lambda: vendor.IncompleteReadError(actual_bytes=1, expected_bytes=2), "T5001"),
        (lambda: vendor.FlexibleChecksumError(error_msg="s3cret"), "T5003"),
        (lambda: vendor.NoCredentialsError(), "T5007"),
        (lambda: vendor.NoRegionError(), "T5007"),
        (lambda: vendor.InvalidConfigError(error_msg="s3cret"), "T5008"),
    ],
)
@pytest.mark.row("f65")
def test_p4_an_error_on_the_way_is_named_by_its_class_and_tells_no_address(
    make: Callable[[], Exception], code: str
) -> None:
    error = make()
    found = fault_of(error)
    assert (found.code, found.observed) == (code, type(error).__name__)
    assert "s3cret" not in f"{found.message} {found.observed} {found.where}"


def test_a_call_with_wrong_arguments_is_a_bug_and_stays_one() -> None:
    with pytest.raises(vendor.ParamValidationError), translated(WHERE):
        raise vendor.ParamValidationError(report="x")


def test_what_may_pass_by_waiting_and_what_may_not_are_told_apart_in_the_whole_table() -> None:
    assert {fault.kind for fault in TABLE.values()} == {TransientError, PermanentError}
    assert {code for code, fault in TABLE.items() if fault is BUSY} >= {"SlowDown", "Throttling"}

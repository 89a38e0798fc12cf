"""
Errors of AWS's services, translated once: vendor code → fault, in a table.

Three kinds, as everywhere (style.md 7): what may pass by waiting, what does not, and bytes that
are not those that were recorded. A code that is not in the table waits for a person, who finds
it in the message: to retry what nobody knows may do harm twice.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from botocore import exceptions as vendor

from puntual.errors import PermanentError, PuntualError, TransientError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    What an error of a service means here.

    Attributes:
        kind: The class that is raised.
        code: Ours.
        message: What is wrong; the place follows it.
        expected: What should have been.
        next_step: What a person should do.
    """

    kind: type[PuntualError]
    code: str
    message: str
    expected: str
    next_step: str

    def raised(self, where: str, observed: str) -> PuntualError:
        """Return the exception, of this place and with what the service said."""
        return self.kind(
            self.code,
            f"{self.message}: {where}",
            where=where,
            expected=self.expected,
            observed=observed,
            next_step=self.next_step,
        )


NO_ANSWER = Fault(
    kind=TransientError,
    code="T5001",
    message="the service did not answer",
    expected="an answer in time",
    next_step="Run again. If it stays, look at the service's health page and at the network "
    "between (VPC endpoints, security groups).",
)
BUSY = Fault(
    kind=TransientError,
    code="T5002",
    message="the service asks to slow down",
    expected="a request within the account's limits",
    next_step="Run again. If it stays, raise the limit that is named, or let less run at once.",
)
GARBLED = Fault(
    kind=TransientError,
    code="T5003",
    message="bytes did not arrive as they were sent",
    expected="the checksum that was sent with them",
    next_step="Run again. If it stays, suspect the machine's memory or what stands between.",
)
DENIED = Fault(
    kind=PermanentError,
    code="T5004",
    message="not permitted",
    expected="a role with this permission",
    next_step="Give the permission to the step's role (or correct a policy that denies it), then "
    "run again.",
)
KEY = Fault(
    kind=PermanentError,
    code="T5005",
    message="the key cannot be used",
    expected="a KMS key that is enabled and that this role may use",
    next_step="Enable the key or correct its policy, then run again. A key that is to be deleted "
    "takes with it whatever it encrypted.",
)
ABSENT = Fault(
    kind=PermanentError,
    code="T5006",
    message="no such resource",
    expected="a resource that `puntual deploy` has made",
    next_step="Deploy the project again, or correct the name in its environment.",
)
SIGNED_OUT = Fault(
    kind=PermanentError,
    code="T5007",
    message="no usable credentials",
    expected="credentials and a region in the environment",
    next_step="Sign in (or give the machine its role) and set the region, then run again.",
)
UNKNOWN = Fault(
    kind=PermanentError,
    code="T5008",
    message="the service refuses",
    expected="a request that it accepts",
    next_step="Look up the service's code; whether it would pass by waiting is not known.",
)

TABLE: dict[str, Fault] = {
    **dict.fromkeys(
        (
            "RequestTimeout", "RequestTimeoutException", "InternalError", "InternalFailure",
            "InternalServerError", "InternalServerException", "InternalServiceException",
            "InternalServiceErrorException", "InternalErrorException", "ServerException",
            "ServiceUnavailable", "ServiceUnavailableException", "ServiceException",
            "ServiceFailure", "Unavailable", "TransientError", "IDPCommunicationError",
            "DependencyTimeoutException", "InternalServiceError", "500", "502", "503", "504",
        ),
        NO_ANSWER,
    ),
    **dict.fromkeys(
        (
            "SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "429",
            "Throttled", "ThrottledRequest", "ThrottledRequestException",
            "RequestThrottled", "RequestThrottledException", "TooManyRequests",
            "TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded",
            "LimitExceededException", "ProvisionedThroughputExceededException",
            "KMSThrottlingException", "ConcurrentRunsExceededException", "PriorRequestNotComplete",
            "ConcurrentModificationException", "ActiveStatementsExceededException",
            "ActiveSessionsExceededException", "OperationAborted", "ConditionalRequestConflict",
            "409", "ConflictException", "EC2ThrottledException", "TransactionInProgressException",
        ),
        BUSY,
    ),
    **dict.fromkeys(
        (
            "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch",
            "XAmzContentChecksumMismatch", "IncompleteBody", "ChecksumMismatch",
        ),
        GARBLED,
    ),
    **dict.fromkeys(
        (
            "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem",
            "UnauthorizedOperation", "NotAuthorized", "AuthorizationError", "403", "Forbidden",
            "AuthorizationErrorException", "OptInRequired",
        ),
        DENIED,
    ),
    **dict.fromkeys(
        (
            "KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException",
            "KMSNotFoundException", "KMSOptInRequired", "KMS.DisabledException",
            "KMS.NotFoundException", "KMS.KMSInvalidStateException", "DisabledException",
            "KMSInvalidState", "KMSAccessDenied", "KMSDisabled", "KMSNotFound", "KMSOptIn",
            "KeyUnavailableException", "InvalidKeyUsageException",
        ),
        KEY,
    ),
    **dict.fromkeys(
        (
            "NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404", "NotFound",
            "ResourceNotFoundException", "EntityNotFoundException", "NotFoundException",
            "StateMachineDoesNotExist", "ExecutionDoesNotExist", "NoSuchEntity",
        ),
        ABSENT,
    ),
    **dict.fromkeys(
        (
            "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidToken",
            "InvalidClientTokenId", "UnrecognizedClientException", "TokenRefreshRequired",
            "MissingAuthenticationToken", "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch", "RequestTimeTooSkewed", "AuthFailure",
            "IncompleteSignature", "InvalidSignatureException", "RequestExpired",
        ),
        SIGNED_OUT,
    ),
}  # fmt: skip
"""Vendor code → fault. A code as `service:code` comes before the code alone."""

_TOLD = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z*]+)")
_READ = "s3:GetObject, or s3:ListBucket where there is no object"
"""Without the second, S3 says of an object that is not there that it is forbidden."""

_ACTIONS = {
    "HeadObject": _READ,
    "GetObject": _READ,
    "GetObjectAttributes": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListParts": "s3:ListMultipartUploadParts",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}
"""S3 operations whose permission has another name than the operation."""

_LOST = (
    vendor.ConnectionError,
    vendor.HTTPClientError,
    vendor.IncompleteReadError,
    vendor.MetadataRetrievalError,
)
_CREDENTIALS = (
    vendor.NoCredentialsError,
    vendor.PartialCredentialsError,
    vendor.CredentialRetrievalError,
    vendor.NoRegionError,
    vendor.ProfileNotFound,
    vendor.TokenRetrievalError,
    vendor.NoAuthTokenError,
    vendor.UnauthorizedSSOTokenError,
    vendor.SSOError,
    vendor.LoginError,
)
_BUGS = (vendor.ParamValidationError, vendor.UnknownParameterError)


@contextlib.contextmanager
def translated(
    where: str, *, service: str = "s3", also: Mapping[str, Fault] | None = None
) -> Iterator[None]:
    """
    Turn an error of a service, or of the way to it, into its known fault.

    Args:
        where: What was asked for, such as `s3://lake/key`; never a value of the data.
        service: Its prefix in permissions, such as `s3`, `glue`, `redshift-data`.
        also: Codes of this place alone, before those of the table.

    Raises:
        TransientError: T5001, T5002, T5003.
        PermanentError: T5004, T5005, T5006, T5007, T5008.
    """
    try:
        yield
    except vendor.ClientError as exc:
        raise meaning(exc, where, service=service, also=also) from exc
    except _BUGS:
        raise
    except _LOST as exc:
        raise NO_ANSWER.raised(where, _said(exc)) from exc
    except (vendor.FlexibleChecksumError, vendor.ChecksumError) as exc:
        raise GARBLED.raised(where, _said(exc)) from exc
    except _CREDENTIALS as exc:
        raise SIGNED_OUT.raised(where, _said(exc)) from exc
    except vendor.BotoCoreError as exc:
        raise UNKNOWN.raised(where, _said(exc)) from exc


def meaning(
    error: vendor.ClientError,
    where: str,
    *,
    service: str = "s3",
    also: Mapping[str, Fault] | None = None,
) -> PuntualError:
    """Return the known fault that a service's error is; see `translated`."""
    code = code_of(error)
    for table in (also or {}, TABLE):
        fault = table.get(f"{service}:{code}") or table.get(code)
        if fault is not None:
            break
    else:
        fault = NO_ANSWER if _status(error) >= _SERVERS else UNKNOWN
    observed = f"{code} from {error.operation_name}"
    if fault is DENIED:
        return fault.raised(where, f"{observed}; missing: {_permission(error, service)}")
    return fault.raised(where, observed)


def code_of(error: vendor.ClientError) -> str:
    """Return the service's own code of an error, such as `PreconditionFailed`."""
    return str(error.response.get("Error", {}).get("Code", "")) or str(_status(error))


_SERVERS = 500


def _status(error: vendor.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _permission(error: vendor.ClientError, service: str) -> str:
    """Name the permission: as the service tells it, else as the operation implies."""
    told = _TOLD.search(str(error.response.get("Error", {}).get("Message", "")))
    if told is not None:
        return told[1]
    return _ACTIONS.get(error.operation_name, f"{service}:{error.operation_name}")


def _said(error: Exception) -> str:
    """Name the error by its class: its text may hold an address with a signature in it (P4)."""
    return type(error).__name__

"""A lake on the stage for one test, and faults that are put into its answers."""

from __future__ import annotations

import contextlib
import io
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError
from urllib3 import HTTPResponse

from puntual.aws.bucket import Bucket
from puntual.aws.clients import client
from puntual.aws.stage.standing import Standing

LAKE = "puntual-conformance"


@pytest.fixture(scope="session")
def s3(stage: Standing) -> Any:
    """Give a client of the stage's S3, made as the product makes it, that retries once."""
    return s3_of(stage)


@pytest.fixture
def lake(s3: Any) -> Bucket:
    """Give an empty prefix of a bucket."""
    return lake_of(s3)


@pytest.fixture
def injected(s3: Any) -> Iterator[Faults]:
    """Give what puts faults into the client's answers."""
    with faults_in(s3) as faults:
        yield faults


def s3_of(stage: Standing, *, attempts: int = 2) -> Any:
    """Return a client of the stage's S3."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in stage.environment().items():
            environment.setenv(name, value)
        return client("s3", attempts=attempts)


def lake_of(s3: Any, *, waited: list[float] | None = None) -> Bucket:
    """Return an empty prefix of the stage's bucket; waiting takes no time, and is written down."""
    with contextlib.suppress(ClientError):  # it is there, of an earlier test
        s3.create_bucket(Bucket=LAKE)
    s3.put_bucket_versioning(Bucket=LAKE, VersioningConfiguration={"Status": "Enabled"})
    slept = [] if waited is None else waited
    return Bucket(s3, LAKE, uuid.uuid4().hex, wait=slept.append)


@dataclass
class Faults:
    """
    What a client is answered in place of the service's own word.

    Attributes:
        calls: The operations that were sent, oldest first.
    """

    send: Callable[[Any], AWSResponse]
    calls: list[str] = field(default_factory=list)
    _planned: list[tuple[str, Callable[[Any], AWSResponse | None]]] = field(default_factory=list)

    def answer(self, operation: str, status: int, code: str, *, times: int = 1) -> None:
        """Answer the next calls of an operation with an error; they never reach the service."""
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        for _ in range(times):
            self._planned.append((operation, lambda request: _response(request, status, body)))

    def say(self, operation: str, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answer the next call of an operation with these bytes."""
        made = lambda request: _response(request, status, body, headers)  # noqa: E731
        self._planned.append((operation, made))

    def lose(self, operation: str) -> None:
        """Let the next call of an operation happen, and lose its answer."""

        def lost(request: Any) -> AWSResponse:
            self.send(request)
            raise ReadTimeoutError(endpoint_url="injected")

        self._planned.append((operation, lost))

    def meanwhile(self, operation: str, act: Callable[[], object]) -> None:
        """Do something before the next call of an operation is sent."""

        def between(request: Any) -> None:
            act()

        self._planned.append((operation, between))

    def before_send(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        self.calls.append(operation)
        for at, (wanted, make) in enumerate(self._planned):
            if wanted == operation:
                del self._planned[at]
                return make(request)
        return None


@contextlib.contextmanager
def faults_in(s3: Any) -> Iterator[Faults]:
    """Lend what puts faults into a client's answers."""
    faults = Faults(send=s3._endpoint.http_session.send)
    s3.meta.events.register("before-send.s3", faults.before_send)
    yield faults
    s3.meta.events.unregister("before-send.s3", faults.before_send)


def _response(
    request: Any, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> AWSResponse:
    told = {"content-type": "application/xml", "x-amz-request-id": "injected", **(headers or {})}
    raw = HTTPResponse(body=io.BytesIO(body), status=status, preload_content=False)
    return AWSResponse(request.url, status, told, raw)

"""
The executors of a Glue job fetch pages of a stream, each of another shard.

A page comes back to the driver, which lands it: what is published is one process's to say.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from puntual import errors
from puntual.aws.bucket import Bucket
from puntual.aws.clients import client
from puntual.aws.fanned import FannedStream, Got, Want
from puntual.aws.settings import Settings
from puntual.aws.stream import KinesisStream, reading_client
from puntual.aws.tips import S3Tips
from puntual.engines.spark.spread import spread
from puntual.errors import PuntualError
from puntual.ports.stream import StreamPage, StreamReader
from puntual.runner.clock import SystemClock

_REGION = "AWS_DEFAULT_REGION"

Fault = tuple[str, str, str, str, str, str, str]
"""Kind, code, message, where, expected, observed, next step: a fault as it leaves a process."""


class Executors:
    """Fetches pages on the executors of this process's Spark application, begun when needed."""

    def __init__(self, lake: str, project: str, *, region: str | None) -> None:
        """
        Keep where to read.

        Args:
            lake: The bucket in which the tips of shards lie.
            project: Its name.
            region: Of the stream; None where the executors know it themselves.
        """
        self._lake = lake
        self._project = project
        self._region = region

    def __call__(self, wants: Sequence[Want]) -> Sequence[Got]:
        """
        Fetch pages side by side; see `fanned.Fetch`.

        Raises:
            TransientError: S1102 the executors were lost.
        """
        lake, project, region = self._lake, self._project, self._region

        def fetch(want: Want) -> StreamPage | Fault:
            return fetched(want, lake=lake, project=project, region=region)

        answers = spread(fetch, wants, code="S1102", where=wants[0].stream)
        return [_raised(a) if isinstance(a, tuple) else a for a in answers]


def fanned(inner: StreamReader, settings: Settings, project: str) -> StreamReader:
    """Return a reader whose pages the executors fetch."""
    region: str | None = client("kinesis").meta.region_name
    return FannedStream(inner, Executors(settings.lake, project, region=region))


def fetched(want: Want, *, lake: str, project: str, region: str | None) -> StreamPage | Fault:
    """Return a page, or the fault that it met; what is no known fault is raised."""
    if region is not None:
        os.environ.setdefault(_REGION, region)
    reader = KinesisStream(
        reading_client(),
        SystemClock(),
        tips=S3Tips(Bucket(client("s3"), lake, project).below("state/tips")),
        page_bytes=want.size,
    )
    try:
        return reader.read(want.stream, want.shard, after=want.after, limit=want.limit)
    except PuntualError as e:
        return (
            type(e).__name__,
            e.code,
            e.message,
            e.where,
            e.expected,
            e.observed,
            e.next_step,
        )


def _raised(fault: Fault) -> PuntualError:
    kind, code, message, where, expected, observed, next_step = fault
    made: PuntualError = getattr(errors, kind)(
        code, message, where=where, expected=expected, observed=observed, next_step=next_step
    )
    return made

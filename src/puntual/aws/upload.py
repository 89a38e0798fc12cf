"""
Files that go to S3 in parts: sent several at once, completed once, and read back.

S3's SHA-256 of such an object is that of the SHA-256 of its parts; so what stands can be
compared with what was sent without reading it again.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from puntual.aws.bucket import Bucket, checksum_of, composite
from puntual.aws.faults import BUSY, GARBLED, code_of, translated
from puntual.errors import PuntualError

SINGLE_BYTES = 64 << 20
PART_BYTES = 16 << 20
MOST_PARTS = 10_000
_AT_ONCE = 4
"""Parts in memory at one time."""

_SETTLED = frozenset({"PreconditionFailed", "412", "NoSuchUpload"})
"""Answers that a completion gets when it was done already, by us or by somebody faster."""

_CONFLICT = frozenset({"ConditionalRequestConflict", "409"})


def parts_of(size: int, part_bytes: int) -> list[tuple[int, int]]:
    """Return (offset, length) of each part, of equal length but for the last."""
    step = max(part_bytes, -(-size // MOST_PARTS))
    return [(at, min(step, size - at)) for at in range(0, size, step)]


def in_parts(
    bucket: Bucket, name: str, file: BinaryIO, parts: list[tuple[int, int]], *, replacing: bool
) -> str:
    """
    Send a file in parts under a name.

    Args:
        bucket: Where to.
        name: The object.
        file: An open file, whose position does not matter.
        parts: Of `parts_of`.
        replacing: What lies there is damaged and may be replaced; else it is left, for the
            caller to compare.

    Returns:
        The checksum that S3 must have for the whole, as `composite` gives it.

    Raises:
        TransientError: T5001 it may have happened; T5002, T5003.
        PermanentError: T5004-T5008.
    """
    where = bucket.where(name)
    with translated(where):
        upload = bucket.s3.create_multipart_upload(
            **bucket.place(name), ChecksumAlgorithm="SHA256", ChecksumType="COMPOSITE"
        )["UploadId"]
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            sent = list(
                pool.map(
                    lambda p: _part(bucket, name, upload, file, p[0], *p[1]),
                    enumerate(parts, start=1),
                )
            )
        expected = composite(digest for _, digest in sent)
        _complete(bucket, name, upload, [part for part, _ in sent], expected, replacing=replacing)
    except PuntualError:
        _give_up(bucket, name, upload)
        raise
    return expected


def _part(
    bucket: Bucket, name: str, upload: str, file: BinaryIO, number: int, offset: int, length: int
) -> tuple[dict[str, Any], bytes]:
    data = os.pread(file.fileno(), length, offset)
    digest = hashlib.sha256(data)
    told = checksum_of(digest.hexdigest())
    with translated(f"{bucket.where(name)} part {number}"):
        done = bucket.s3.upload_part(
            **bucket.place(name),
            UploadId=upload,
            PartNumber=number,
            Body=data,
            ChecksumSHA256=told,
        )
    return {"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": told}, digest.digest()


def _complete(
    bucket: Bucket,
    name: str,
    upload: str,
    parts: list[dict[str, Any]],
    expected: str,
    *,
    replacing: bool,
) -> None:
    """Make the parts one object; botocore raises the error inside of a 200 (`aws.md` O6)."""
    condition = {} if replacing else {"IfNoneMatch": "*"}
    with translated(bucket.where(name)):
        try:
            done = bucket.s3.complete_multipart_upload(
                **bucket.place(name),
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                **condition,
            )
        except ClientError as exc:
            if code_of(exc) in _SETTLED:
                _give_up(bucket, name, upload)
                return  # what stands is compared by whoever reads back
            if code_of(exc) in _CONFLICT:
                raise BUSY.raised(bucket.where(name), code_of(exc)) from exc
            raise
    told = done.get("ChecksumSHA256", expected)
    if not done.get("ETag") or told not in {expected, expected.rpartition("-")[0]}:
        raise GARBLED.raised(bucket.where(name), "an answer without the checksum that was sent")


def _give_up(bucket: Bucket, name: str, upload: str) -> None:
    """Remove the parts; those that stay are removed by the bucket's lifecycle rule."""
    try:
        with translated(bucket.where(name)):
            bucket.s3.abort_multipart_upload(**bucket.place(name), UploadId=upload)
    except PuntualError:
        return

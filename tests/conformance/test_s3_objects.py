"""`Objects` on S3: the suite, and what only S3 can do to it (`aws.md` rows O1-O8)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from conformance.test_objects import PREFIX, SHA_OF_ABC, ObjectsSuite
from support.s3 import Faults

from puntual.aws.bucket import Bucket
from puntual.aws.cache import Cache
from puntual.aws.objects import S3Objects
from puntual.errors import EvidenceError, PermanentError, PuntualError, TransientError
from puntual.model.manifest import ObjectRef

PART = 5 << 20
LARGE = bytes(range(256)) * (2 * PART // 256) + b"the last part is short"


def store(lake: Bucket, folder: Path, *, limit: int = 1 << 30, uris: bool = False) -> S3Objects:
    cache = Cache(folder / "cache", limit)
    return S3Objects(lake, cache, uris=uris, single_bytes=PART, part_bytes=PART)


@pytest.fixture
def objects(lake: Bucket, tmp_path: Path) -> S3Objects:
    return store(lake, tmp_path)


@pytest.fixture
def stored(objects: S3Objects) -> ObjectRef:
    return objects.put_bytes(PREFIX, b"0123456789", suffix=".bin")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.parquet"
    path.write_bytes(LARGE)
    return path


class TestS3(ObjectsSuite):
    pass


class TestS3Addresses(ObjectsSuite):
    @pytest.fixture
    def objects(self, lake: Bucket, tmp_path: Path) -> S3Objects:
        return store(lake, tmp_path, uris=True)


def test_o8_no_listing_is_asked_for_what_an_object_is(
    objects: S3Objects, stored: ObjectRef, injected: Faults
) -> None:
    for use in (objects.find, objects.locate, objects.confirm, objects.read, objects.verify):
        use(stored)
    objects.put_bytes(PREFIX, b"abc", suffix=".bin")
    assert "ListObjectsV2" not in injected.calls


@pytest.mark.row("f65")
def test_an_answer_that_is_cut_off_is_no_object(
    objects: S3Objects, stored: ObjectRef, injected: Faults
) -> None:
    for use in (objects.read, objects.locate, objects.verify):
        injected.say("GetObject", 200, b"01234", {"content-length": "10", "etag": '"x"'})
        with pytest.raises(TransientError, match="T5001"):
            use(stored)
    assert Path(objects.locate(stored)).read_bytes() == b"0123456789"


@pytest.mark.row("f7")
@pytest.mark.parametrize(
    ("damage", "code"),
    [(b"", "V1001"), (b"012345678", "V1001"), (b"01234567890", "V1001"), (b"0123456788", "V1002")],
)
@pytest.mark.parametrize("uris", [False, True])
def test_f7_damage_is_found_before_the_object_is_used(
    stored: ObjectRef, lake: Bucket, tmp_path: Path, damage: bytes, code: str, uris: bool
) -> None:
    lake.overwrite(stored.name, damage)
    later = store(lake, tmp_path / "later", uris=uris)
    for use in (later.read, later.verify, later.locate, later.confirm):
        with pytest.raises(EvidenceError, match=code):
            use(stored)


@pytest.mark.row("f7")
def test_storing_again_heals_damaged_bytes_by_a_new_version(
    objects: S3Objects, stored: ObjectRef, lake: Bucket
) -> None:
    lake.overwrite(stored.name, b"0123456788")
    objects.put_bytes(PREFIX, b"0123456789", suffix=".bin")
    assert objects.read(stored) == b"0123456789"


def test_an_engine_reads_a_verified_copy_or_the_object_itself(
    objects: S3Objects, stored: ObjectRef, lake: Bucket, tmp_path: Path
) -> None:
    assert Path(objects.locate(stored)).read_bytes() == b"0123456789"
    assert store(lake, tmp_path, uris=True).locate(stored) == lake.where(stored.name)
    assert objects.find(stored) == lake.where(stored.name)


def test_a_copy_is_fetched_once_and_what_was_stored_from_a_file_not_at_all(
    objects: S3Objects, stored: ObjectRef, injected: Faults
) -> None:
    for _ in range(3):
        objects.locate(stored)
    assert injected.calls.count("GetObject") == 1
    path = Path(objects.scratch("step")) / "out.parquet"
    path.write_bytes(b"abc")
    mine = objects.put_file(PREFIX, str(path), suffix=".parquet")
    assert Path(objects.locate(mine)).read_bytes() == b"abc"
    assert injected.calls.count("GetObject") == 1


def test_copies_are_evicted_oldest_first_and_never_while_they_are_in_use(
    lake: Bucket, tmp_path: Path
) -> None:
    objects = store(lake, tmp_path, limit=25)
    refs = [objects.put_bytes("raw/x", letter * 10, suffix=".bin") for letter in (b"a", b"b", b"c")]
    first, second = Path(objects.locate(refs[0])), Path(objects.locate(refs[1]))
    with pytest.raises(PermanentError, match="T5010"):
        objects.locate(refs[2])
    assert first.exists()
    objects.release()
    objects.locate(refs[1])
    objects.locate(refs[2])
    assert (first.exists(), second.exists()) == (False, True)
    assert Path(objects.locate(refs[1])) == second


def test_o6_a_large_file_goes_in_parts_and_is_read_back(
    objects: S3Objects, large: Path, lake: Bucket, injected: Faults, tmp_path: Path
) -> None:
    ref = objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)
    assert ref.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert injected.calls.count("UploadPart") == 3
    assert injected.calls[-1] == "HeadObject"
    for uris in (False, True):
        later = store(lake, tmp_path / str(uris), uris=uris)
        later.locate(ref)
    head = lake.head(ref.name)
    assert head is not None
    assert head.checksum.endswith("-3")


def test_a_large_file_that_is_there_is_not_sent_again_and_a_damaged_one_is(
    objects: S3Objects, large: Path, lake: Bucket, injected: Faults
) -> None:
    ref = objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)
    objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)
    assert injected.calls.count("UploadPart") == 3
    lake.overwrite(ref.name, b"damaged")
    objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)
    assert objects.read(ref) == LARGE


def test_o6_an_error_inside_of_a_200_is_no_success(
    objects: S3Objects, large: Path, injected: Faults, lake: Bucket
) -> None:
    injected.answer("CompleteMultipartUpload", 200, "InternalError", times=2)
    with pytest.raises(TransientError, match="T5001"):
        objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)
    assert "AbortMultipartUpload" in injected.calls
    assert list(lake.listed("")) == []
    injected.answer("CompleteMultipartUpload", 200, "InternalError")
    objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)


def test_o6_an_answer_that_confirms_nothing_is_no_success(
    objects: S3Objects, large: Path, injected: Faults
) -> None:
    injected.say("CompleteMultipartUpload", 200, b"<CompleteMultipartUploadResult/>", {})
    with pytest.raises(TransientError, match="T5003"):
        objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)


@pytest.mark.row("f65")
def test_o7_a_completion_whose_answer_was_lost_is_ours(
    objects: S3Objects, large: Path, injected: Faults
) -> None:
    injected.lose("CompleteMultipartUpload")
    ref = objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)
    assert injected.calls.count("CompleteMultipartUpload") == 2
    assert objects.read(ref) == LARGE


@pytest.mark.row("f65")
def test_o7_a_412_after_our_own_first_write_is_success(
    objects: S3Objects, injected: Faults
) -> None:
    injected.lose("PutObject")
    ref = objects.put_bytes(PREFIX, b"abc", suffix=".bin")
    assert injected.calls == ["PutObject", "PutObject", "GetObject"]
    assert objects.read(ref) == b"abc"


def test_o3_a_409_while_another_write_is_in_flight_is_tried_again(
    objects: S3Objects, injected: Faults
) -> None:
    injected.answer("PutObject", 409, "ConditionalRequestConflict", times=2)
    ref = objects.put_bytes(PREFIX, b"abc", suffix=".bin")
    assert objects.read(ref) == b"abc"
    injected.answer("PutObject", 409, "ConditionalRequestConflict", times=6)
    with pytest.raises(TransientError, match="T5002"):
        objects.put_bytes(PREFIX, b"xyz", suffix=".bin")


@pytest.mark.row("f65", "f66")
@pytest.mark.parametrize(
    ("status", "vendor", "kind", "code"),
    [
        (503, "SlowDown", TransientError, "T5002"),
        (500, "InternalError", TransientError, "T5001"),
        (400, "BadDigest", TransientError, "T5003"),
        (403, "AccessDenied", PermanentError, "T5004"),
        (403, "KMS.DisabledException", PermanentError, "T5005"),
        (404, "NoSuchBucket", PermanentError, "T5006"),
        (403, "InvalidAccessKeyId", PermanentError, "T5007"),
        (400, "ExpiredToken", PermanentError, "T5007"),
        (418, "Teapot", PermanentError, "T5008"),
    ],
)
def test_each_error_of_the_service_is_one_of_ours(
    objects: S3Objects,
    injected: Faults,
    lake: Bucket,
    status: int,
    vendor: str,
    kind: type[PuntualError],
    code: str,
) -> None:
    injected.answer("PutObject", status, vendor, times=2)
    with pytest.raises(kind, match=code) as caught:
        objects.put_bytes(PREFIX, b"abc", suffix=".bin")
    assert vendor in caught.value.observed
    assert caught.value.where == lake.where(f"{PREFIX}/{SHA_OF_ABC}.bin")


@pytest.mark.row("f67")
def test_one_slow_down_is_passed_over_by_waiting(objects: S3Objects, injected: Faults) -> None:
    injected.answer("PutObject", 503, "SlowDown")
    assert objects.read(objects.put_bytes(PREFIX, b"abc", suffix=".bin")) == b"abc"


@pytest.mark.row("f66")
@pytest.mark.parametrize(
    ("operation", "permission"), [("PutObject", "s3:PutObject"), ("GetObject", "s3:GetObject")]
)
def test_a_denied_request_names_the_permission_that_is_missing(
    objects: S3Objects, stored: ObjectRef, injected: Faults, operation: str, permission: str
) -> None:
    injected.answer(operation, 403, "AccessDenied")
    with pytest.raises(PermanentError, match="T5004") as caught:
        objects.put_bytes("a", objects.read(stored), suffix=".x")
    assert f"missing: {permission}" in caught.value.observed


@pytest.mark.row("f7")
def test_o5_bytes_that_do_not_arrive_as_they_lie_there_are_not_used(
    objects: S3Objects, stored: ObjectRef, injected: Faults
) -> None:
    told = {"x-amz-checksum-crc32": "AAAAAA==", "content-length": "10", "etag": '"x"'}
    for use in (objects.read, objects.locate, objects.verify):
        injected.say("GetObject", 200, b"0123456789", told)
        with pytest.raises(TransientError, match="T5003"):
            use(stored)


def test_o5_a_wrong_checksum_is_refused_by_the_stage(s3: Any, lake: Bucket) -> None:
    with pytest.raises(Exception, match=r"BadDigest|Checksum|checksum"):
        s3.put_object(**lake.place("x"), Body=b"abc", ChecksumSHA256="A" * 43 + "=")


def test_parts_that_cannot_be_sent_are_given_up(
    objects: S3Objects, large: Path, injected: Faults, s3: Any, lake: Bucket
) -> None:
    injected.answer("UploadPart", 503, "SlowDown", times=6)
    with pytest.raises(TransientError, match="T5002"):
        objects.put_file(PREFIX, str(large), suffix=".parquet", move=False)
    assert s3.list_multipart_uploads(Bucket=lake.bucket).get("Uploads", []) == []


def test_scratch_of_dead_attempts_is_swept_and_copies_stay(
    objects: S3Objects, stored: ObjectRef
) -> None:
    copy = Path(objects.locate(stored))
    scratch = Path(objects.scratch("curate-x"))
    (scratch / "half.parquet").write_bytes(b"half")
    objects.sweep()
    assert not scratch.exists()
    assert copy.exists()
    with pytest.raises(ValueError, match="scratch"):
        objects.discard(str(copy.parent))
    with pytest.raises(ValueError, match="scratch"):
        objects.scratch("../x")


@pytest.mark.row("h9")
def test_a_symlink_is_not_followed_into_the_store(objects: S3Objects, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"abc")
    os.symlink(tmp_path / "secret", tmp_path / "inbox.csv")
    with pytest.raises(PermanentError, match="T1003"):
        objects.put_file("raw/x", str(tmp_path / "inbox.csv"), suffix=".csv", move=False)

"""The deployed project: a folder of its files, or the archive of one in S3, unpacked once."""

from __future__ import annotations

import io
import shutil
import uuid
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from puntual.aws.cache import local_disk
from puntual.aws.faults import translated
from puntual.errors import EvidenceError

MOST_BYTES = 64 << 20
"""Of all files of a project, unpacked; it is YAML, SQL and calendars."""

_SCHEME = "s3://"


def folder_of(uri: str, cache: Path, s3: Any) -> Path:
    """
    Return the folder of a project, fetched and unpacked if its archive is named.

    An archive is named by the digest of its bytes (an asset of the template), so a folder that
    was unpacked from a name is that archive's for good.

    Args:
        uri: A folder, or `s3://bucket/key.zip`.
        cache: Where archives are unpacked.
        s3: A client of S3.

    Raises:
        TransientError: T5001, T5002, T5003.
        PermanentError: T5004-T5008; T1001-T1003.
        EvidenceError: V1005 the archive is none, or leads out of its folder.
    """
    if not uri.startswith(_SCHEME):
        return Path(uri)
    bucket, _, key = uri.removeprefix(_SCHEME).partition("/")
    folder = cache / "project" / PurePosixPath(key).stem
    if not folder.is_dir():
        with translated(uri):
            data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with local_disk(str(folder)):
            beside = folder.with_name(uuid.uuid4().hex)
            unpack(data, beside, uri)
            try:
                beside.rename(folder)
            except OSError:  # another process has it by now, which is as good
                shutil.rmtree(beside)
                if not folder.is_dir():
                    raise
    return folder


def unpack(data: bytes, folder: Path, where: str) -> None:
    """
    Unpack an archive of plain files.

    Raises:
        EvidenceError: V1005 it is no archive, too large, or names a place outside.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if sum(info.file_size for info in infos) > MOST_BYTES:
                raise _no_project(where, f"more than {MOST_BYTES:,} bytes of files")
            for info in infos:
                name = PurePosixPath(info.filename)
                if name.is_absolute() or ".." in name.parts or "\\" in info.filename:
                    raise _no_project(where, "a file outside of its folder")
                path = folder.joinpath(*name.parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(info))
    except zipfile.BadZipFile as error:
        raise _no_project(where, "no zip archive") from error


def _no_project(where: str, observed: str) -> EvidenceError:
    return EvidenceError(
        "V1005",
        f"the archive of the project is not what was deployed: {where}",
        where=where,
        expected="the files of a report project, as `puntual deploy` packs them",
        observed=observed,
        next_step="Deploy the project again; see who may write to the bucket of assets.",
    )

"""
Archives unpacked once, by their content, and shared by all that need them.

On AWS a layer is unpacked before a function starts. Here each worker would unpack hundreds of
megabytes and compile its Python again; what it gets instead are links to one copy.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_lock = threading.Lock()


def shared(archive: Path, cache: Path) -> Path:
    """
    Return a folder with what an archive holds; unpacked if it was not before.

    Raises:
        zipfile.BadZipFile: It is no archive.
        OSError: It cannot be read, or unpacked.
    """
    with archive.open("rb") as body:
        digest = hashlib.file_digest(body, "sha256").hexdigest()
    place = cache / digest
    with _lock:
        if not place.exists():
            draft = cache / uuid.uuid4().hex
            with zipfile.ZipFile(archive) as held:
                held.extractall(draft)
            draft.rename(place)
    return place


def linking(cache: Path) -> SimpleNamespace:
    """Return what stands for the module `zipfile` where ministack unpacks functions and layers."""

    class Linked(zipfile.ZipFile):
        """An archive whose `extractall` makes links to one unpacked copy."""

        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
            """Link everything at the top of the archive into a folder."""
            if members is not None or pwd is not None or self.filename is None:
                super().extractall(path, members, pwd)
                return
            for entry in shared(Path(self.filename), cache).iterdir():
                os.symlink(entry, Path(path or os.curdir, entry.name))

    return SimpleNamespace(
        ZipFile=Linked,
        BadZipFile=zipfile.BadZipFile,
        LargeZipFile=zipfile.LargeZipFile,
        LargeFileError=zipfile.LargeZipFile,
    )

"""
The secret under which values that may not be shown get their pseudonyms.

It is made once for a project and lies beside its keys, mode 0600. Whoever has it can try
values; so it goes to an auditor with the raw data, never with a delivery (`evidence.md` 2).
"""

from __future__ import annotations

import os
from pathlib import Path

from puntual.errors import PermanentError
from puntual.local.disk import make_folder, read_regular, sync_folder, translated
from puntual.local.whole import place

NAME = "pseudonyms.secret"
SIZE = 32


def secret_of(folder: Path) -> bytes:
    """
    Return the secret that lies in a folder of keys; it is made where there is none.

    Raises:
        PermanentError: V5005 it was cut or altered; T1001, T1002, T1003.
    """
    path = folder / NAME
    with translated(str(path)):
        if not path.is_file():
            make_folder(folder)
            os.chmod(folder, 0o700)
            place(path, os.urandom(SIZE), 0o600)
            sync_folder(folder)
        found = read_regular(path)
    if len(found) != SIZE:
        raise PermanentError(
            "V5005",
            "the secret of the pseudonyms is not whole",
            where=str(path),
            expected=f"{SIZE} bytes",
            observed=f"{len(found)} bytes",
            next_step="Restore it from a backup. A new one (remove the file) gives other "
            "pseudonyms: days of before are then no longer made again byte for byte.",
        )
    return found

"""Whether the catalog's file of views is older than the catalog; nothing heavy is imported."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path


def are_stale(catalog: Path) -> bool:
    """Say whether `catalog.duckdb` lacks what was published; False where nothing ever was."""
    if not catalog.is_file():
        return False
    # Not mode=ro: a reader that may not write leaves its -wal and -shm files behind.
    with contextlib.closing(
        sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=rw", uri=True)
    ) as db:
        try:
            (unshown,) = db.execute("SELECT count(*) FROM datasets WHERE shown = 0").fetchone()
        except sqlite3.DatabaseError:
            return False
    return bool(unshown)

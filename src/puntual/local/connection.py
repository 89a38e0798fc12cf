"""A state file that is open only while it is used, so that a process may fork in between."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from puntual.local.state import open_state


class Connection:
    """
    A connection to a state file; given up, the next use opens it again.

    An open SQLite file must not be carried across a fork: the copy believes that it holds the
    locks of its parent (SQLite, "How To Corrupt An SQLite Database File", 2.6).
    """

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._schema = schema
        self._db: sqlite3.Connection | None = open_state(path, schema)

    @property
    def db(self) -> sqlite3.Connection:
        """
        The open connection.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004, T2005 as when a state file is opened.
            TransientError: T2002.
        """
        if self._db is None:
            self._db = open_state(self.path, self._schema)
        return self._db

    def close(self) -> None:
        """Give the connection up."""
        if self._db is not None:
            self._db.close()
            self._db = None

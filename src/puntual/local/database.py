"""Port `Databases` on one machine: SQLite files of the project, PostgreSQL by URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from puntual.landing.databases import Read, SourceDatabases
from puntual.local import sqlite_source
from puntual.local.disk import translated


class LocalDatabases(SourceDatabases):
    """SQLite by path, PostgreSQL by URL, either by the name of an environment variable."""

    def __init__(
        self,
        root: Path,
        environment: Mapping[str, str] | None = None,
        postgresql: Read | None = None,
    ) -> None:
        """
        Take what is needed to read.

        Args:
            root: Folder that a SQLite path is relative to.
            environment: Environment variables; None for those of this process.
            postgresql: Reads PostgreSQL; None where its driver is not installed.
        """

        def sqlite(
            connection: str,
            query: str,
            day: date,
            columns: tuple[str, ...],
            measures: tuple[str, ...],
            _exact: tuple[str, ...],  # SQLite's types are of values: each float is judged by itself
            sink: sqlite_source.Sink,
        ) -> tuple[int, Mapping[str, Decimal], datetime]:
            path = root / connection.partition(":")[2]
            return sqlite_source.read(path, query, day, columns, measures, sink)

        super().__init__(
            readers={"sqlite": sqlite, "postgresql": postgresql},
            environment=os.environ if environment is None else environment,
            border=translated,
        )

"""
COPY of Parquet into the Redshift stand-in, and UNLOAD out of it.

What of AWS is kept: a manifest's file that is missing is skipped in silence unless it says
`mandatory` (aws.md X3), its length must be right, a prefix must exist, the columns must be as
many as the table's, and what is too long for a column fails instead of being cut (X5).
"""

from __future__ import annotations

import io
import json
import re
from typing import Any, Protocol

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

_COPY = re.compile(
    r"\s*copy\s+(?P<table>[\w.\"]+)\s*(?:\((?P<columns>[^)]*)\))?\s+from\s+"
    r"'s3://(?P<bucket>[^/]+)/(?P<key>[^']*)'(?P<options>.*)",
    re.IGNORECASE | re.DOTALL,
)
_UNLOAD = re.compile(
    r"\s*unload\s*\(\s*(?:\$\$(?P<dollar>.*?)\$\$|'(?P<quoted>(?:[^']|'')*)')\s*\)\s*to\s+"
    r"'s3://(?P<bucket>[^/]+)/(?P<key>[^']*)'(?P<options>.*)",
    re.IGNORECASE | re.DOTALL,
)
REFUSED = ("maxerror", "acceptinvchars", "truncatecolumns")


class Objects(Protocol):
    """What COPY and UNLOAD ask of S3."""

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object; None if there is none."""

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Return every key below a prefix, sorted."""

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""


class LoadError(Exception):
    """What Redshift would say of a COPY or UNLOAD."""


def copied(text: str) -> re.Match[str] | None:
    """Read a COPY; None for any other statement."""
    return _COPY.fullmatch(text)


def unloaded(text: str) -> re.Match[str] | None:
    """Read an UNLOAD; None for any other statement."""
    return _UNLOAD.fullmatch(text)


def copy(cursor: psycopg.Cursor[Any], given: re.Match[str], objects: Objects) -> int:
    """
    Load what a COPY names, in the transaction of the cursor.

    Returns:
        How many rows.

    Raises:
        LoadError: As on Redshift.
    """
    options = given["options"].lower()
    if "parquet" not in options:
        raise LoadError("this stage copies Parquet only")
    if not re.search(r"\biam_role\b", options):
        raise LoadError("COPY from S3 needs IAM_ROLE")
    for option in REFUSED:
        if re.search(rf"\b{option}\b", options):
            raise LoadError(f"{option} drops or changes data: it is not played on this stage")
    bucket, key = given["bucket"], given["key"]
    if re.search(r"\bmanifest\b", options):
        sources = _listed(objects, bucket, key)
    else:
        sources = [(bucket, each) for each in objects.keys(bucket, key)]
        if not sources:
            raise LoadError(f"The specified S3 prefix '{key}' does not exist")
    named = [
        each.strip().strip('"') for each in (given["columns"] or "").split(",") if each.strip()
    ]
    return sum(_file(cursor, given["table"], named, objects, *source) for source in sources)


def _file(
    cursor: psycopg.Cursor[Any],
    table: str,
    named: list[str],
    objects: Objects,
    bucket: str,
    key: str,
) -> int:
    body = objects.get(bucket, key)
    if body is None:
        raise LoadError(f"The specified key does not exist: s3://{bucket}/{key}")
    rows = pq.read_table(io.BytesIO(body), partitioning=None)
    target = sql.Identifier(*(part.strip('"') for part in table.split(".")))
    wanted = named or _columns(cursor, target)
    if rows.num_columns != len(wanted):
        raise LoadError(
            "Spectrum Scan Error: Unmatched number of columns between table and file. "
            f"Table columns: {len(wanted)}, Data columns: {rows.num_columns}, "
            f"File name: s3://{bucket}/{key}"
        )
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        target, sql.SQL(", ").join(map(sql.Identifier, wanted))
    )
    with cursor.copy(into) as stream:
        for batch in rows.to_batches():
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                stream.write_row(row)
    return int(rows.num_rows)


def _listed(objects: Objects, bucket: str, key: str) -> list[tuple[str, str]]:
    manifest = objects.get(bucket, key)
    if manifest is None:
        raise LoadError(
            f"Problem reading manifest file - S3ServiceException: The specified key does not "
            f"exist: s3://{bucket}/{key}"
        )
    listed = []
    for entry in json.loads(manifest)["entries"]:
        place, _, name = entry["url"].removeprefix("s3://").partition("/")
        body = objects.get(place, name)
        if body is None:
            if entry.get("mandatory", False):
                raise LoadError(f"Problem reading manifest file: {entry['url']} does not exist")
            continue
        length = (entry.get("meta") or {}).get("content_length")
        if length is None:
            raise LoadError(f"{entry['url']}: a manifest for Parquet needs meta.content_length")
        if length != len(body):
            raise LoadError(f"{entry['url']}: content_length {length} is not the object's")
        listed.append((place, name))
    return listed


def _columns(cursor: psycopg.Cursor[Any], target: sql.Identifier) -> list[str]:
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(target))
    return [column.name for column in cursor.description or ()]


def unload(cursor: psycopg.Cursor[Any], given: re.Match[str], query: str, objects: Objects) -> int:
    """
    Write a query's rows as one Parquet object; return how many.

    Raises:
        LoadError: The place is taken and ALLOWOVERWRITE was not said.
    """
    bucket, key = given["bucket"], given["key"]
    if "allowoverwrite" not in given["options"].lower() and objects.keys(bucket, key):
        raise LoadError("Specified unload destination on S3 is not empty. Consider ALLOWOVERWRITE")
    cursor.execute(query.encode())
    shape, rows = cursor.description or (), cursor.fetchall()
    columns = {
        column.name: pa.array([row[at] for row in rows], _type(column))
        for at, column in enumerate(shape)
    }
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    objects.put(bucket, f"{key}0000_part_00.parquet", body.getvalue())
    return len(rows)


def _type(column: psycopg.Column) -> Any:
    """Return a decimal column's declared type; any other is read off its values."""
    if column.precision is not None and column.type_display.startswith("numeric"):
        return pa.decimal128(column.precision, column.scale or 0)
    return None

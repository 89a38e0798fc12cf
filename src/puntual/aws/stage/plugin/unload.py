"""Athena's UNLOAD: its query, its place and its options."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNLOAD = re.compile(
    r"\s*UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'s3://(?P<bucket>[^/']+)/(?P<prefix>[^']*)'"
    r"\s*WITH\s*\((?P<options>[^)]*)\)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = re.compile(r"(\w+)\s*=\s*'([^']*)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unload:
    """
    Where the rows of a query go.

    Attributes:
        query: The SELECT, in Athena's dialect.
        bucket: Of the place.
        prefix: Of the place; ends with `/` or is empty.
        compression: Of the Parquet files, as DuckDB names it.
    """

    query: str
    bucket: str
    prefix: str
    compression: str


def unload_of(text: str) -> Unload | None:
    """
    Read an UNLOAD; None for any other statement.

    Raises:
        ValueError: It wants another format than Parquet, which this stage does not write.
    """
    found = _UNLOAD.fullmatch(text)
    if found is None:
        return None
    options = {name.lower(): value for name, value in _OPTION.findall(found["options"])}
    if options.get("format", "").upper() != "PARQUET":
        raise ValueError(f"UNLOAD as {options.get('format')!r} is not played on this stage")
    prefix = found["prefix"]
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    return Unload(
        query=found["query"],
        bucket=found["bucket"],
        prefix=prefix,
        compression=options.get("compression", "GZIP").lower().replace("none", "uncompressed"),
    )

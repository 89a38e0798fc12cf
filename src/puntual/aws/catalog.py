"""
Port `Catalog` on the Glue Data Catalog: a table for each dataset, a partition for each day.

A partition names exactly the files of the published manifest, by a text object that lists them
(`SymlinkTextInputFormat`, as S3 Inventory does): their folder may hold files of an attempt that
died, or of rows set aside, which no reader may count. Pointing a day at another version is one
`BatchUpdatePartition`; old versions stay (design 4.1). It is a projection, never the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from botocore.exceptions import ClientError

from puntual.aws.bucket import Bucket
from puntual.aws.faults import BUSY, UNKNOWN, code_of, translated
from puntual.ports.journal import Partition

DAY = "reference_date"
_AT_ONCE = 100
"""Partitions of one call of Glue."""

_ATTEMPTS = 5
_THERE, _CHANGED = "AlreadyExistsException", "ConcurrentModificationException"
_PASSING = frozenset({_CHANGED, "InternalServiceException", "OperationTimeoutException"})
_TYPES = {
    "VARCHAR": "string",
    "HUGEINT": "decimal(38,0)",
    "BIGINT": "bigint",
    "INTEGER": "int",
    "SMALLINT": "smallint",
    "DATE": "date",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
_FORMAT = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    },
}
_HIDDEN = re.compile(rf"{DAY}|build", re.IGNORECASE)
_WORD = "puntual_type"
_MARK = "puntual"
"""Parameter of the tables that are ours."""


class GlueCatalog:
    """
    Tables of one database, which every engine of AWS reads.

    Publishing a day is one step; publishing many is not: what a run that died left undone is
    seen by `published` and done again.
    """

    def __init__(self, client: Any, bucket: Bucket, database: str) -> None:
        """
        Keep the ways to Glue and S3.

        Args:
            client: Of `glue`.
            bucket: Holds the lists of files, in its folder `tables`.
            database: In the catalog; `puntual deploy` makes it.
        """
        self._client = client
        self._bucket = bucket
        self._database = {"DatabaseName": database}
        self._where = f"Glue database {database}"

    def publish(
        self,
        dataset: str,
        reference_date: date,
        *,
        manifest: str,
        files: tuple[str, ...],
        records: int,
        columns: tuple[tuple[str, str], ...],
    ) -> None:
        """
        Point a dataset's day at these files, in place of those before.

        Args:
            dataset: The dataset.
            reference_date: The day.
            manifest: Digest of the manifest that lists the files.
            files: `s3://` addresses of Parquet files below a folder `reference_date=<day>`.
            records: Rows in them.
            columns: (name, type in DuckDB's words), in order.

        Raises:
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002.
            ValueError: A file lies in no folder of that day (a bug of the caller).
        """
        one = Partition(
            dataset=dataset,
            reference_date=reference_date,
            manifest=manifest,
            files=files,
            records=records,
            columns=columns,
        )
        self.publish_all((one,))

    def publish_all(self, partitions: Iterable[Partition]) -> None:
        """
        Publish many days; each is whole, and repeating it completes what was not done.

        Raises:
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002.
            ValueError: A file lies in no folder of its day (a bug of the caller).
        """
        datasets: dict[str, dict[date, Partition]] = {}
        for one in partitions:
            day = one.reference_date.isoformat()
            if not all(f"/{DAY}={day}/" in file for file in one.files):
                raise ValueError(f"a file of {one.dataset} lies in no folder {DAY}={day}")
            datasets.setdefault(one.dataset, {})[one.reference_date] = one
        for dataset, days in datasets.items():
            ordered = [days[day] for day in sorted(days)]
            self._shape(dataset, ordered)
            for at in range(0, len(ordered), _AT_ONCE):
                self._point(dataset, [self._input(one) for one in ordered[at : at + _AT_ONCE]])

    def published(self) -> Mapping[tuple[str, date], str]:
        """
        Return (dataset, day) → digest of the manifest that it is pointed at.

        Raises:
            PermanentError: T5004-T5008.
            TransientError: T5001, T5002.
        """
        return {
            (table["Name"], date.fromisoformat(found["Values"][0])): found["Parameters"]["manifest"]
            for table in self._pages("get_tables", "TableList")
            if table.get("Parameters", {}).get(_MARK)
            for found in self._pages(
                "get_partitions",
                "Partitions",
                TableName=table["Name"],
                ExcludeColumnSchema=True,
            )
        }

    def _shape(self, dataset: str, days: Sequence[Partition]) -> None:
        """Make the table, or widen it: columns of the newest day first."""
        newest = days[-1]
        for _ in range(_ATTEMPTS):
            with self._translated(dataset):
                try:
                    table = self._client.get_table(**self._database, Name=dataset)["Table"]
                except self._client.exceptions.EntityNotFoundException:
                    table = None
                known = columns_of(table) if table else {}
                known.pop(DAY, None)
                latest = table.get("Parameters", {}).get("newest", "") if table else ""
                wanted = _merged(known, days, first=newest.reference_date.isoformat() >= latest)
                newer = max(latest, newest.reference_date.isoformat())
                mine = table and table.get("Parameters", {}).get(_MARK)
                if mine and list(known.items()) == list(wanted.items()) and newer == latest:
                    return
                made = self._table(dataset, wanted, newer)
                try:
                    if table is None:
                        self._client.create_table(**self._database, TableInput=made)
                    else:
                        # Two that widen it at once: one of them reads it anew.
                        self._client.update_table(
                            **self._database, TableInput=made, VersionId=table["VersionId"]
                        )
                except ClientError as exc:
                    if code_of(exc) in ("AlreadyExistsException", _CHANGED):
                        continue
                    raise
                return
        raise BUSY.raised(f"{self._where}: {dataset}", _CHANGED)

    def _table(self, dataset: str, columns: Mapping[str, str], newest: str) -> dict[str, Any]:
        return {
            "Name": dataset,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": DAY, "Type": "date"}],
            "Parameters": {_MARK: "1", "classification": "parquet", "newest": newest},
            "StorageDescriptor": {
                **_FORMAT,
                "Columns": _described(columns),
                "Location": self._bucket.where(f"tables/{dataset}/"),
            },
        }

    def _input(self, one: Partition) -> dict[str, Any]:
        """Write the list of a version's files, and return its partition."""
        day = one.reference_date.isoformat()
        folder = f"tables/{one.dataset}/{DAY}={day}/version={one.manifest[:16]}"
        self._bucket.create(f"{folder}/files.txt", "\n".join(one.files).encode())
        return {
            "Values": [day],
            "Parameters": {"manifest": one.manifest, "numRows": str(one.records)},
            "StorageDescriptor": {
                **_FORMAT,
                "Columns": _described(_columns(one)),
                "Location": self._bucket.where(f"{folder}/"),
            },
        }

    def _point(self, dataset: str, inputs: list[dict[str, Any]]) -> None:
        """Register partitions, and point those that are there already (never UpdatePartition)."""
        place = {**self._database, "TableName": dataset}
        with self._translated(dataset):
            made = self._client.batch_create_partition(**place, PartitionInputList=inputs)
        there = self._refused(dataset, made, "PartitionValues", allowed=_THERE)
        again = [
            {"PartitionValueList": one["Values"], "PartitionInput": one}
            for one in inputs
            if tuple(one["Values"]) in there
        ]
        if again:
            with self._translated(dataset):
                done = self._client.batch_update_partition(**place, Entries=again)
            self._refused(dataset, done, "PartitionValueList", allowed="")

    def _refused(
        self, dataset: str, answer: Mapping[str, Any], key: str, *, allowed: str
    ) -> set[tuple[str, ...]]:
        """Return which partitions were refused for the allowed reason; any other is a fault."""
        found: set[tuple[str, ...]] = set()
        for error in answer.get("Errors") or ():
            code = error.get("ErrorDetail", {}).get("ErrorCode", "")
            if code != allowed:
                kind = BUSY if code in _PASSING else UNKNOWN
                raise kind.raised(f"{self._where}: {dataset} {error.get(key)}", code)
            found.add(tuple(error[key]))
        return found

    def _pages(self, operation: str, key: str, **asked: Any) -> Iterator[dict[str, Any]]:
        with self._translated(asked.get("TableName", "")):
            for page in self._client.get_paginator(operation).paginate(**self._database, **asked):
                yield from page[key]

    def _translated(self, dataset: str) -> Any:
        return translated(f"{self._where}: {dataset}", service="glue")


def columns_of(table: Mapping[str, Any]) -> dict[str, str]:
    """Return name → type in DuckDB's words of a table of ours, its day in front."""
    held = table["StorageDescriptor"].get("Columns", [])
    return {DAY: "DATE"} | {c["Name"]: c.get("Parameters", {}).get(_WORD, "") for c in held}


def _described(columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Hive has one kind of timestamp: DuckDB's word stands beside its own."""
    return [
        {"Name": name, "Type": hive_type(word), "Parameters": {_WORD: word}}
        for name, word in columns.items()
    ]


def _columns(one: Partition) -> dict[str, str]:
    return {name: word for name, word in one.columns if not _HIDDEN.fullmatch(name)}


def _merged(known: Mapping[str, str], days: Sequence[Partition], *, first: bool) -> dict[str, str]:
    """Return the columns of all days; of two types the newer one counts."""
    merged: dict[str, str] = {} if first else dict(known)
    for one in reversed(days):
        for name, kind in _columns(one).items():
            merged.setdefault(name, kind)
    for name, kind in known.items():
        merged.setdefault(name, kind)
    return merged


def hive_type(word: str) -> str:
    """
    Return Hive's word for a type in DuckDB's, as Glue, Athena and Spark read it.

    Raises:
        KeyError: It is none of a curated dataset (a bug of the caller).
    """
    return word.lower() if word.startswith("DECIMAL") else _TYPES[word]

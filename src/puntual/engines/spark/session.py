"""
Spark sessions with settings that make answers exact, and Spark's errors translated once.

Whatever settings a cluster brings, a session of its own overrides them: overflow and casts raise
(ANSI), a decimal is never rounded to make room, instants are microseconds, nothing is inferred.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors.exceptions.captured import (
    AnalysisException,
    CapturedException,
    ParseException,
)
from pyspark.sql import SparkSession

from puntual.errors import PermanentError, machine_fault

SPLIT = 64 << 20
"""Bytes of a raw object that one task reads, whatever the number of cores."""

SETTINGS: Mapping[str, str] = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.maxPartitionBytes": str(SPLIT),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    # What is kept is read a few times and thrown away: to compress it took the most of a day.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    "spark.sql.caseSensitive": "false",
}

_SHUFFLES = "spark.sql.shuffle.partitions"
_OF_NUMBERS = frozenset(
    {
        "ARITHMETIC_OVERFLOW",
        "NUMERIC_VALUE_OUT_OF_RANGE",
        "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
        "BINARY_ARITHMETIC_OVERFLOW",
        "CAST_OVERFLOW",
    }
)
_CLASS = re.compile(r"\[([A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*)\]")
_OURS = re.compile(r"(?:PermanentError|ProjectError): ([A-Z]\d{4}) ([^\n]*)")


def application(name: str | None = None) -> SparkSession:
    """
    Return the Spark application of this process, begun when there is none.

    Args:
        name: What a new one is called.
    """
    # Executors work with the packages of the driver, so by its interpreter; Spark asks once.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder
    return (builder if name is None else builder.appName(name)).getOrCreate()


def open_spark(
    zone: str = "UTC", *, settings: Mapping[str, str] | None = None, spark: SparkSession | None
) -> SparkSession:
    """
    Return a session of its own, with its own settings and views, of the application that runs.

    Args:
        zone: IANA zone in which instants are cut into days.
        settings: Further settings.
        spark: A session of the application; None: the one that runs, or else a new one.
    """
    own = (spark or application()).newSession()
    wanted = {**SETTINGS, "spark.sql.session.timeZone": zone, **(settings or {})}
    if own.conf.get(_SHUFFLES) == "200":  # nobody said how many
        wanted[_SHUFFLES] = str(max(4, 2 * own.sparkContext.defaultParallelism))
    for name, value in wanted.items():
        own.conf.set(name, value)
    return own


@contextmanager
def translated(code: str, where: str) -> Iterator[None]:
    """
    Turn Spark's errors into one of ours; the message never carries a value of the data.

    Raises:
        PermanentError: T1001, T1003 the machine's; T3001 no memory or temporary space; Q1002 a
            number became too large; `code` for any other fault.
    """
    try:
        yield
    except (CapturedException, Py4JError) as exc:
        raise _ours(exc, code, where) from exc


def _ours(exc: Exception, code: str, where: str) -> PermanentError:
    text = str(exc)
    machine = machine_fault(text, where)
    if machine is not None:
        return machine
    if "OutOfMemoryError" in text or "Unable to acquire" in text or "exit code 137" in text:
        return PermanentError(
            "T3001",
            "The engine ran out of memory or temporary space.",
            where=where,
            expected="memory of Spark's executors for the day",
            observed=_kind(exc, text),
            next_step="Give the job more or larger workers, then run again.",
        )
    classes = set(_CLASS.findall(text))
    told = _OURS.search(text)
    if classes & _OF_NUMBERS or (told and told[1] == "Q1002"):
        return too_large(where, _kind(exc, text))
    if told:
        return PermanentError(
            told[1],
            "A record could not be read on an executor.",
            where=where,
            expected="objects that the contract describes",
            observed=told[2],
            next_step="Correct what is named here, then run again.",
        )
    return PermanentError(
        code,
        "The engine could not run a statement.",
        where=where,
        expected="SQL and files that Spark can read",
        observed=_kind(exc, text),
        next_step="Correct what is named here; `puntual check` reads the project's SQL.",
    )


def too_large(where: str, observed: str) -> PermanentError:
    """Return the fault that a number has too many digits."""
    return PermanentError(
        "Q1002",
        "A number became larger than its type can hold.",
        where=where,
        expected="sums of at most 38 digits",
        observed=observed,
        next_step="Give the column fewer decimals or a wider type.",
    )


def _kind(exc: Exception, text: str) -> str:
    """Say what went wrong without the data: a whole sentence only of faults of the statement."""
    if isinstance(exc, AnalysisException | ParseException):
        return next((line for line in text.splitlines() if line.strip()), "")
    found = _CLASS.findall(text)
    return found[-1] if found else type(exc).__name__

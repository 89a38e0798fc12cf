"""
What each function and job may do: its own prefix to write, and no more than its step needs.

Plain data, so that a test and the page of the docs read what the template says. Every step reads
the lake and writes the records that make it one: its manifests, the commit log, the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RECORDS = ("manifests", "state", "journal", "notices")
"""Prefixes of the lake that every step writes: append only, and on condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """
    What one function or job may do beside reading the lake and writing the records.

    Attributes:
        writes: Its own prefixes of the lake.
        reads_streams: Kinesis, of the project's streams.
        registers: Writes partitions and columns to the catalog.
        warehouse: `""`, `reads` or `loads`: the Data API, on the project's workgroup.
        asks_athena: Runs queries in the project's workgroup, on the lake.
        delivers: Writes the bucket of deliveries, and hides what an attempt that died left of a
            package; every version stays.
        records: Writes the ledger: its checkpoints in the bucket of evidence, where nobody may
            delete, signed by KMS (`runner.record` says which steps do).
        conceals: Makes pseudonyms of what may not be shown, under the key that is for it.
        tells: Publishes to the topics.
        reads_secrets: Connections of the sources' databases.
        sees_runs: Lists the machine's executions.
        sees_metrics: Reads metrics of the account, of which there is no narrower right.
    """

    writes: tuple[str, ...] = ()
    reads_streams: bool = False
    registers: bool = False
    warehouse: str = ""
    asks_athena: bool = False
    delivers: bool = False
    records: bool = False
    conceals: bool = False
    tells: bool = False
    reads_secrets: bool = False
    sees_runs: bool = False
    sees_metrics: bool = False


NEEDS: Mapping[str, Needs] = {
    "land": Needs(
        writes=("raw", "late", "state/tips", "ledger"),
        reads_streams=True,
        reads_secrets=True,
        records=True,
    ),
    "stream": Needs(writes=("raw", "late", "state/tips"), reads_streams=True),
    "curate": Needs(writes=("curated", "tables"), registers=True),
    "load": Needs(writes=("loads",), warehouse="loads"),
    "begin": Needs(sees_runs=True, tells=True),
    "validate": Needs(writes=("validate",)),
    "reconcile": Needs(writes=("reconcile",), warehouse="reads", conceals=True),
    "decide": Needs(writes=("decide", "ledger"), records=True),
    "report": Needs(
        writes=("reports", "athena"), warehouse="reads", asks_athena=True, conceals=True
    ),
    "attest": Needs(writes=("packages", "ledger"), records=True),
    "deliver": Needs(writes=("acknowledgements", "ledger"), delivers=True, records=True),
    "rehearse": Needs(writes=("reports", "athena"), asks_athena=True),
    "notify": Needs(tells=True),
    "outcome": Needs(),
    "end": Needs(tells=True),
    "watchdog": Needs(sees_runs=True, sees_metrics=True),
}
"""Function or job → what it may do."""

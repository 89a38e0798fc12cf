"""A version of (dataset, reference date): the list of its objects and its control totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

Digest = str
"""SHA-256 as 64 lower-case hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """
    What is compared at every hop.

    Attributes:
        records: How many rows.
        sums: Exact sum of each measure, by column; a column summed over no row is 0.
        key_digest: Digest of the multiset of (key, measures): its sums in decimal, `high:low` or
            one; "0" of no row; "" when not taken.
        algorithm: How `key_digest` was made: `duckdb-hash-3`, `md5-60x2`, or "".
    """

    records: int
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    key_digest: str = ""
    algorithm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """
    One immutable object in the store.

    Attributes:
        name: Its name in the store; it ends in its digest.
        sha256: Digest of its bytes.
        bytes: Its size.
        records: How many records it holds; 0 when that has no meaning.
        role: `data`, `set_aside`, `refused`, `control`, `report`, `exceptions`, `statement`, …
        detail: Text facts that belong to this object: original name, shard, first and last
            sequence number, query, snapshot time, reason of refusal.
    """

    name: str
    sha256: Digest
    bytes: int
    records: int = 0
    role: str = "data"
    detail: Mapping[str, str] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The first 12 hex digits: what `_object` holds in curated rows."""
        return self.sha256[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """
    What one committed step published; its canonical bytes are named by their digest.

    Attributes:
        step: The step's id, such as `curate:card_events`.
        dataset: What it is a version of.
        reference_date: The day the data is about.
        key: Digest of (step, inputs, code, contract): the same key never runs twice.
        inputs: Name → digest of every manifest, contract and SQL that went in.
        code: Digest of the program that made it.
        objects: In order; readers never list a folder (design 4.1).
        totals: Of the role `data` objects together.
        facts: Whatever else the step must hand on, as JSON values without floats; numbers that
            matter are strings.
    """

    step: str
    dataset: str
    reference_date: date
    key: Digest
    inputs: Mapping[str, Digest]
    code: Digest
    objects: tuple[ObjectRef, ...]
    totals: Totals
    facts: Mapping[str, object] = field(default_factory=dict)

    def of_role(self, role: str) -> tuple[ObjectRef, ...]:
        """Return the objects with this role, in order."""
        return tuple(o for o in self.objects if o.role == role)

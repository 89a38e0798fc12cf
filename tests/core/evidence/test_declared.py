"""What a landed day was made by: each change of contract or source is known by its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from puntual.evidence.declared import changed, inputs
from puntual.model.contract import Contract, JsonLines
from puntual.model.manifest import Manifest, Totals
from puntual.model.source import (
    ControlFile,
    ControlSnapshot,
    DatabaseSource,
    FileSource,
    Marker,
    NoControl,
    Settled,
    Source,
    StreamSource,
)

CONTRACT = Contract(
    dataset="pay",
    version="1",
    file="contracts/pay.odcs.yaml",
    columns=(),
    format=JsonLines(),
    digest="e" * 64,
)
FILES = FileSource(
    name="pay", pattern="in/*", complete=Marker(suffix=".ok"), control=NoControl(reason="none")
)
STREAM = StreamSource(name="pay", stream="pay", control=NoControl(reason="none"))
DATABASE = DatabaseSource(
    name="pay",
    connection="postgresql://reader@core/bank?sslmode=require",
    query="SELECT 1",
    control=ControlSnapshot(),
)


def landed(source: Source, **more: str) -> Manifest:
    return Manifest(
        step="land:pay",
        dataset="pay",
        reference_date=date(2026, 3, 2),
        key="k",
        inputs=inputs(source, CONTRACT) | more,
        code="c",
        objects=(),
        totals=Totals(records=0),
        facts={},
    )


@pytest.mark.parametrize(
    ("before", "now", "other"),
    [
        (FILES, FILES, set()),
        (FILES, replace(FILES, pattern="in/a*"), {"source"}),
        (FILES, replace(FILES, complete=Settled(seconds=5)), {"source.control"}),
        (FILES, replace(FILES, control=ControlFile(pattern="c.json")), {"source.control"}),
        (STREAM, replace(STREAM, stream="pay-2"), {"source"}),
        (DATABASE, replace(DATABASE, query="SELECT 2"), {"source"}),
        (DATABASE, replace(DATABASE, may_be_empty=True), {"source.control"}),
        (DATABASE, replace(DATABASE, connection="postgresql://other@core/bank"), set()),
        (DATABASE, replace(DATABASE, connection="postgresql://reader@spare/bank"), {"source"}),
        (DATABASE, replace(DATABASE, connection="sqlite:core.db"), {"source"}),
        (STREAM, FILES, {"source", "source.control"}),
    ],
)
def test_what_is_declared_otherwise_is_named(before: Source, now: Source, other: set[str]) -> None:
    assert changed(landed(before), now, CONTRACT) == other


@pytest.mark.parametrize(
    "contract", [replace(CONTRACT, digest="f" * 64), replace(CONTRACT, time_zone="America/Bogota")]
)
def test_a_contract_is_another_by_its_file_and_as_it_was_read(contract: Contract) -> None:
    assert changed(landed(FILES), FILES, contract) == {"contract"}


def test_a_day_that_an_earlier_program_landed_differs_by_its_contract_alone() -> None:
    old = replace(landed(FILES), inputs={CONTRACT.file: CONTRACT.digest})
    assert changed(old, replace(FILES, pattern="in/a*"), CONTRACT) == frozenset()
    assert changed(old, FILES, replace(CONTRACT, digest="f" * 64)) == {"contract"}

"""One row at its four stages, as people and programs read it; classified values masked."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from puntual.cli.drilled import Looking
from puntual.cli.wrap import wrapped
from puntual.model.broken_row import ParsedCell, StagedRow, TracedRow
from puntual.model.finding import Place
from puntual.model.masked import Mask, escaped, exact_text
from puntual.model.shown import value_in_words
from puntual.runner.trace import find, trace

PLACES = 5
"""How many rows of one key are traced; the others are counted."""

_BYTES = 72
_MOST = 4096


def traced(looking: Looking, what: str, dataset: str | None) -> tuple[list[TracedRow], int]:
    """
    Find the rows that a person means, and follow each to the report.

    Returns:
        The first ones, and how many there are.

    Raises:
        ProjectError: R5003 there is no such row.
        TransientError: The warehouse does not answer.
        PermanentError: What is stored cannot be read.
        EvidenceError: An object is missing or altered.
    """
    places = find(looking.drill.run, what, dataset)
    return [_trace(looking, *at) for at in places[:PLACES]], len(places)


def _trace(looking: Looking, dataset: str, place: Place) -> TracedRow:
    return trace(looking.drill.run, dataset, place, looking.reader)


def text_of(row: TracedRow, mask: Mask) -> Iterator[str]:
    """Yield what people read of a row, stage by stage."""
    name = f"  {row.name}" if row.name else ""
    yield f" {row.dataset}   {row.object[:12]} : {row.position}{name}"
    facts = "".join(f"  {n} {v}" for n, v in row.raw.facts.items())
    size = len(row.raw.data)
    yield f"   RAW   {size:,} bytes from offset {row.raw.offset:,}"
    if facts:
        yield from wrapped(facts.strip(), "           ")
    yield from _bytes(row, mask)
    yield f"   PARSED   {row.verdict or 'it stays'}"
    for cell in row.raw.parsed:
        text, value = _parsed(row, cell, mask)
        read = f"→ {value_in_words(value)}"
        if value is None and text is not None:
            read = "is no value of its type"
        yield from wrapped(f"{cell.column:<20} {value_in_words(text)} {read}", "           ")
    for stage in row.stages:
        yield from _stage(stage, mask)


def _parsed(row: TracedRow, cell: ParsedCell, mask: Mask) -> tuple[str | None, str | None]:
    """Return a field's text and its value; one that is written as it is read has one mask."""
    value = mask.shown(row.dataset, cell.column, cell.value)
    if cell.value is not None and cell.text == exact_text(cell.value):
        return value, value
    return mask.shown(row.dataset, cell.column, cell.text), value


def _bytes(row: TracedRow, mask: Mask) -> Iterator[str]:
    """Show bytes with the offset at which each line begins; all or nothing of a record."""
    if not may_show(row, mask):
        yield f"           {mask.masked_bytes(row.raw.data)}   --unmask shows them"
        return
    data = row.raw.data[:_MOST]
    for begin in range(0, len(data), _BYTES):
        line = escaped(data[begin : begin + _BYTES])
        for part, at in enumerate(range(0, len(line), _BYTES)):
            offset = f"{row.raw.offset + begin:>8,}" if part == 0 else " " * 8
            yield f"   {offset}  {line[at : at + _BYTES]}"
    if len(row.raw.data) > _MOST:
        yield f"           … {len(row.raw.data) - _MOST:,} more bytes: --json has all"


def may_show(row: TracedRow, mask: Mask) -> bool:
    """Say whether a record's bytes may be shown: where each of its columns may."""
    public = mask.public.get(row.dataset, frozenset())
    return mask.off or all(cell.column in public for cell in row.raw.parsed)


def _stage(stage: StagedRow, mask: Mask) -> Iterator[str]:
    yield from wrapped(f"{stage.stage.upper()}   {stage.note}".rstrip(), "   ")
    for name, value in stage.cells:
        shown = mask.shown(stage.dataset, name, value)
        yield from wrapped(f"{name:<20} {value_in_words(shown)}", "           ")


def json_of(row: TracedRow, mask: Mask) -> dict[str, object]:
    """Return a row as JSON values; its bytes in base64 where they may be shown."""
    shown = may_show(row, mask)
    return {
        "dataset": row.dataset,
        "object": row.object,
        "name": row.name,
        "position": str(row.position),
        "raw": {
            "offset": str(row.raw.offset),
            "bytes": str(len(row.raw.data)),
            "base64": base64.b64encode(row.raw.data).decode() if shown else None,
            "text": escaped(row.raw.data) if shown else mask.masked_bytes(row.raw.data),
            "facts": dict(row.raw.facts),
        },
        "verdict": row.verdict or None,
        "parsed": [
            {"column": c.column, "source_name": c.source_name, "text": text, "value": value}
            for c in row.raw.parsed
            for text, value in [_parsed(row, c, mask)]
        ],
        "stages": [
            {
                "stage": s.stage,
                "note": s.note,
                "cells": {n: mask.shown(s.dataset, n, v) for n, v in s.cells},
            }
            for s in row.stages
        ],
    }

"""
What of a project a landed day was made by: its contract and its source, as digests.

They stand among the inputs of the day's manifest, so that a day that was sealed under other words
than the project's is known as one (design 4.9): it was counted, or asked for, by those.
"""

from __future__ import annotations

from typing import assert_never

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import to_json
from puntual.model.contract import Contract
from puntual.model.manifest import Digest, Manifest
from puntual.model.source import DatabaseSource, FileSource, Source, StreamSource

CONTRACT, SOURCE, CONTROL = "contract", "source", "source.control"
"""Inputs: the contract as it was read, where the data comes from, how the source vouches."""


def inputs(source: Source, contract: Contract) -> dict[str, Digest]:
    """
    Return what a landed day is made by, by its name among the day's inputs.

    Of a connection neither user nor password are in it: who asks is not what is asked for.
    """
    return {
        contract.file: contract.digest,
        CONTRACT: _digest(contract),
        SOURCE: _digest(_where(source)),
        CONTROL: _digest(_vouched(source)),
    }


def changed(landed: Manifest, source: Source, contract: Contract) -> frozenset[str]:
    """
    Return what is declared otherwise now than when a day was landed.

    Returns:
        Of `CONTRACT`, `SOURCE` and `CONTROL` those that differ; what the manifest of an earlier
        version of the program does not say is taken to be the same.
    """
    known, now = landed.inputs, inputs(source, contract)
    found = {n for n in (CONTRACT, SOURCE, CONTROL) if known.get(n, now[n]) != now[n]}
    if known.get(contract.file, contract.digest) != contract.digest:
        found.add(CONTRACT)
    return frozenset(found)


def _where(source: Source) -> list[str]:
    match source:
        case StreamSource():
            return ["stream", source.stream]
        case FileSource():
            return ["files", source.pattern]
        case DatabaseSource():
            return ["database", _place(source.connection), source.query]
        case _:
            assert_never(source)


def _vouched(source: Source) -> list[object]:
    """Return how a source says that it is whole; kinds without fields are told by their names."""
    said: list[object] = [type(source.control).__name__, source.control]
    match source:
        case StreamSource():
            return said
        case FileSource():
            return [*said, source.complete]
        case DatabaseSource():
            return [*said, source.may_be_empty]
        case _:
            assert_never(source)


def _place(connection: str) -> str:
    scheme, mark, rest = connection.partition("://")
    return scheme + mark + rest.partition("?")[0].rpartition("@")[2]


def _digest(value: object) -> Digest:
    return sha256(encode(to_json(value)))

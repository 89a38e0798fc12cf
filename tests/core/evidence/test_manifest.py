"""Manifests go to bytes and come back exact."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.errors import EvidenceError
from puntual.evidence import manifest as manifests
from puntual.model.manifest import Manifest, ObjectRef, Totals

A, B, C = "a" * 64, "b" * 64, "c" * 64

MANIFEST = Manifest(
    step="curate:card_events",
    dataset="card_events",
    reference_date=date(2026, 11, 20),
    key=A,
    inputs={"land:card_events": B, "contract": C},
    code=C,
    objects=(
        ObjectRef(
            name=f"curated/card_events/{B}.parquet",
            sha256=B,
            bytes=1 << 60,
            records=10**18,
            detail={"shard": "shardId-0", "first": "4" * 56},
        ),
    ),
    totals=Totals(records=10**18, sums={"amount": Decimal("-12345678901234567890.10")}),
    facts={"set_aside": [["quarantined", "required", "2"]], "conflicts": "0", "whole": True},
)

NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
DIGESTS = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**30))
TOTALS = st.builds(
    Totals,
    records=st.integers(0, 10**30),
    sums=st.dictionaries(NAMES, AMOUNTS, max_size=3),
    key_digest=st.text("0123456789abcdef", max_size=32),
    algorithm=st.sampled_from(["", "duckdb-hash-3", "md5-60x2"]),
)
OBJECTS = st.builds(
    ObjectRef,
    name=NAMES,
    sha256=DIGESTS,
    bytes=st.integers(0, 10**25),
    records=st.integers(0, 10**25),
    role=st.sampled_from(["data", "set_aside"]),
    detail=st.dictionaries(
        NAMES, st.text(max_size=9).filter(lambda t: t.isprintable()), max_size=2
    ),
)
MANIFESTS = st.builds(
    Manifest,
    step=NAMES,
    dataset=NAMES,
    reference_date=st.dates(),
    key=DIGESTS,
    inputs=st.dictionaries(NAMES, DIGESTS, max_size=3),
    code=DIGESTS,
    objects=st.lists(OBJECTS, max_size=3).map(tuple),
    totals=TOTALS,
    facts=st.dictionaries(
        NAMES, st.none() | st.booleans() | st.just(["1", {"a": "b"}]), max_size=3
    ),
)


@given(MANIFESTS)
def test_a_manifest_comes_back_equal_and_its_bytes_identical(manifest: Manifest) -> None:
    data = manifests.encode(manifest)
    assert manifests.decode(data) == manifest
    assert manifests.encode(manifests.decode(data)) == data


def test_numbers_are_text_in_the_bytes() -> None:
    data = manifests.encode(MANIFEST)
    assert b'"records":"1000000000000000000"' in data
    assert b'"amount":"-12345678901234567890.10"' in data


def test_the_order_of_mappings_changes_no_byte() -> None:
    turned = replace(MANIFEST, inputs=dict(sorted(MANIFEST.inputs.items())))
    assert manifests.encode(turned) == manifests.encode(MANIFEST)


@pytest.mark.row("h11")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"records":"1000000000000000000"', b'"records":"01"'),
        (b'"amount":"-12345678901234567890.10"', b'"amount":"1e3"'),
        (b'"amount":"-12345678901234567890.10"', b'"amount":"-0.0"'),
        (b'"dataset":"card_events"', b'"dataset":null'),
        (b'"dataset":"card_events",', b""),
        (b'"dataset":"card_events"', b'"dataset":"card_events","extra":1'),
        (b'"2026-11-20"', b'"2026-11-31"'),
        (b'"2026-11-20"', b'"20261120"'),
        (A.encode(), b"A" * 64),
        (b"puntual/manifest/1", b"puntual/manifest/2"),
        (b'"objects":[', b'"objects":[1,'),
    ],
)
def test_another_shape_is_refused_with_its_place(old: bytes, new: bytes) -> None:
    data = manifests.encode(MANIFEST)
    assert old in data
    with pytest.raises(EvidenceError, match="V2002"):
        manifests.decode(data.replace(old, new, 1))


def test_a_float_among_the_facts_is_refused() -> None:
    with pytest.raises(EvidenceError, match="V2001"):
        manifests.encode(replace(MANIFEST, facts={"share": 0.5}))


def test_a_key_that_is_no_digest_is_refused() -> None:
    with pytest.raises(EvidenceError, match="V2002"):
        manifests.encode(replace(MANIFEST, key="k"))

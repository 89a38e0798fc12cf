"""Canonical bytes: one form for one value, and nothing that cannot be exact."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from support.shared import shared

from puntual.errors import EvidenceError
from puntual.evidence import canonical

VECTORS = ("arrays", "french", "structures", "unicode", "values", "weird")
OUTSIDE = frozenset({"french", "values", "weird"})
"""Vectors with keys beyond ASCII or with floats, which our form does without (`evidence.md` 3)."""

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=4), max_leaves=12
)


@given(VALUES)
def test_what_was_encoded_decodes_to_the_same_value_and_bytes(value: object) -> None:
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert canonical.encode(canonical.decode(data)) == data


@pytest.mark.parametrize("name", VECTORS)
def test_the_published_vectors_of_rfc_8785_come_out_byte_for_byte(name: str) -> None:
    folder = shared("jcs_rfc8785") / "testdata"
    given_, expected = ((folder / f / f"{name}.json").read_bytes() for f in ("input", "output"))
    hexed = bytes.fromhex("".join((folder / "outhex" / f"{name}.txt").read_text().split()))
    assert expected == hexed
    assert rfc8785.dumps(json.loads(given_)) == expected, "the encoder that ours rests on"
    if name in OUTSIDE:
        with pytest.raises(EvidenceError, match="V2001"):
            canonical.decode(expected)
        return
    assert canonical.encode(canonical.decode(expected)) == expected
    with pytest.raises(EvidenceError, match="V2001"):
        canonical.decode(given_)


def test_keys_are_sorted_and_nothing_is_spaced() -> None:
    assert canonical.encode({"b": 1, "a": ["é", None]}) == '{"a":["é",null],"b":1}'.encode()


def test_text_is_never_normalised() -> None:
    assert canonical.encode("\u00e9") != canonical.encode("e\u0301")


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), Decimal("1.00"), 2**53, -(2**53), {"ñ": 1}, {1: 2}, b"x", "\ud800", {1, 2}],
    ids=repr,
)
def test_what_cannot_be_exact_is_refused(value: object) -> None:
    with pytest.raises(EvidenceError, match="V2001"):
        canonical.encode({"a": [value]} if not isinstance(value, dict) else value)


def test_a_refusal_says_where_and_never_what() -> None:
    with pytest.raises(EvidenceError) as caught:
        canonical.encode({"totals": [{"amount": 12.34}]})
    assert caught.value.where == "$.totals[0].amount"
    assert "12.34" not in str(caught.value)


@pytest.mark.row("h11", "h18")
@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":1.5}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":-0}',
        b'{"a":9007199254740993}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'"\\u0041"',
        b'"\\ud800"',
        b"\xff",
        b"",
        b"[" * 100_000,
        b"[" * 80 + b"]" * 80,
    ],
    ids=lambda d: repr(d[:16]),
)
def test_bytes_that_are_not_canonical_are_refused_not_repaired(data: bytes) -> None:
    with pytest.raises(EvidenceError, match="V2001"):
        canonical.decode(data)


@pytest.mark.row("h11", "h18")
@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_refusal(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except EvidenceError:
        return
    assert canonical.encode(value) == data


@pytest.mark.parametrize(
    ("value", "text"),
    [("-0.00", "0.00"), ("1E+2", "100"), ("12.30", "12.30"), ("1E-3", "0.001")],
)
def test_a_decimal_has_one_spelling_without_exponent(value: str, text: str) -> None:
    assert canonical.number(Decimal(value)) == text


def test_a_number_that_is_not_finite_has_no_spelling() -> None:
    with pytest.raises(EvidenceError, match="V2001"):
        canonical.number(Decimal("Infinity"))

"""What is kept of DuckDB's sentences: whole words, and never a value."""

from __future__ import annotations

import duckdb
import pytest

from puntual.engines.duckdb.session import Limits, translate


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The file is broken and we don't know why", "The file is broken and we don't know why"),
        ("The file's end is 'X'", "The file's end is"),
        ("Could not convert string 'O'Brien' to INT32", "Could not convert string"),
        ("'secret' is no number", ""),
        ("Could not convert string='secret' to DATE", "Could not convert string="),
        ('Could not parse "secret"', "Could not parse"),
    ],
)
def test_a_sentence_ends_before_a_value_and_not_at_an_apostrophe(text: str, kept: str) -> None:
    fault = translate(duckdb.ConversionException(text), limits=Limits(), code="T3002", where="")
    assert fault.observed == kept

"""A line in the form of the first is read as any other line would be."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puntual.engines.duckdb.json_text import json_texts
from puntual.model.contract import Column, ColumnType, Kind

COLUMNS = (
    Column(name="id", source_name="id", type=ColumnType(kind=Kind.TEXT)),
    Column(
        name="amount",
        source_name="amount",
        type=ColumnType(kind=Kind.DECIMAL, precision=18, scale=2),
    ),
    Column(name="note", source_name="note", type=ColumnType(kind=Kind.TEXT)),
)
FIRST = '{"id":"A","amount":"1.00","note":"n"}'
SPACED = '{"id": "A", "amount": 1.25, "note": "n", "more": 7}'
LINES = (
    FIRST,
    SPACED,
    '{"id":"A","amount":"1.00","note":""}',
    '{"id":"A","amount":"1.00","note":null}',
    '{"id":"A","amount":"1.00"}',
    '{"id":"A","amount":1.5,"note":"n"}',
    '{"id":"A","amount":1.50,"note":"n"}',
    '{"id": "A", "amount": 12345678901234567.25, "note": "n", "more": 7}',
    '{"id": "A", "amount": {"a":1,"a":2}, "note": "n", "more": 7}',
    '{"id": "A", "amount": 1.25, "note": "n", "more": 7, "more": 7}',
    '{"id":"A","id":"B","amount":"1.00","note":"n"}',
    '{"id":"A\\",\\"amount\\":\\"9","amount":"1.00","note":"n"}',
    '{"id":"\\\\","amount":"1.00","note":"n"}',
    '{"id":"A","amount":"1.00","note":"n","amount":"2.00"}',
    '{"id":"A","amount":"1.00","note":"n","x":1,"x":2}',
    '{"id":1e15,"amount":"1.00","note":"n"}',
    ' {"id":"A","amount":"1.00","note":"n"}',
    '{"id":"A","amount":"1.00","note":"n"} ',
    '{"id":"A","amount":"1.00","note":"n"}\r',
    '{"id":"A","amount":"1.00","note":"n"',
    '["A"]',
    "null",
    "",
)


def texts(lines: tuple[str, ...], sample: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE l (ordinal BIGINT, line VARCHAR, flaw VARCHAR)")
        connection.executemany(
            "INSERT INTO l VALUES (?, ?, NULL)", [(i, text) for i, text in enumerate(lines)]
        )
        source = "SELECT ordinal, line, flaw FROM l"
        return connection.execute(
            f"{json_texts(source, COLUMNS, sample)} ORDER BY ordinal"
        ).fetchall()


@pytest.mark.parametrize("sample", LINES)
def test_no_answer_depends_on_the_line_in_whose_form_the_others_are_expected(sample: str) -> None:
    assert texts(LINES, sample) == texts(LINES, "")


def test_a_key_that_stands_twice_is_seen_behind_a_line_that_looks_like_the_first() -> None:
    lines = (FIRST, '{"id":"A","amount":"1.00","note":"n","note":"n"}')
    assert [row[2] for row in texts(lines, FIRST)] == [False, True]


PIECES = st.sampled_from(
    ['"id"', '"amount"', '"note"', '"x"', ":", ",", "{", "}", '"A"', '"\\""', "1.50", "1.5", "null"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=16).map("".join), min_size=1, max_size=6))
def test_whatever_the_lines_are_the_form_of_the_first_changes_nothing(lines: list[str]) -> None:
    sample = '{"id":"A","amount":1.5,"note":"n"}'
    several = (sample, *lines)
    assert texts(several, sample) == texts(several, "")

"""Two texts that differ are seen to differ, and two groups."""

from __future__ import annotations

import pytest

from puntual.model.shown import group_in_words, told_apart


@pytest.mark.parametrize(
    ("left", "right", "shown"),
    [
        ("c1", "c2", ("c1", "c2")),
        ("c1", "c1 ", ("'c1'", r"'c1\x20'")),
        ("a b", "a\u00a0b", (r"'a\x20b'", r"'a\xa0b'")),
        ("", " ", ("''", r"'\x20'")),
        ("\u00f1", "n\u0303", ("'\u00f1'", r"'n\u0303'")),
        ("1", "\uff11", ("'1'", r"'\uff11'")),
        ("ab", "a\u200bb", ("'ab'", r"'a\u200bb'")),
        ("a\n", "a", (r"'a\n'", "'a'")),
        ("100.00", "100.01", ("100.00", "100.01")),
    ],
)
def test_texts_that_look_alike_are_quoted_and_what_an_eye_passes_over_is_written_out(
    left: str, right: str, shown: tuple[str, str]
) -> None:
    assert told_apart(left, right) == shown
    assert told_apart(right, left) == (shown[1], shown[0])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "client null"),
        ("null", 'client "null"'),
        ("", 'client ""'),
        ("c1", "client c1"),
        ("‹2 chars #0f›", "client ‹2 chars #0f›"),
        ("Ana, b x", 'client "Ana, b x"'),
        ('"null"', r'client "\"null\""'),
        ("c1 ", 'client "c1 "'),
        (" c1", 'client " c1"'),
        ("a\nb", r'client "a\nb"'),
        ("ñ\u202e", r'client "\u00f1\u202e"'),
        ("a\\nb", r"client a\nb"),
    ],
)
def test_a_group_is_said_so_that_no_two_read_the_same(value: str | None, said: str) -> None:
    """A value that may be taken for another stands in the quotes of JSON."""
    assert group_in_words(("client",), (value,)) == said


def test_a_group_by_several_columns_names_each_of_them() -> None:
    by = ("client", "day")
    assert group_in_words(by, ("c1, day 2", None)) == 'client "c1, day 2", day null'
    assert group_in_words(by, ("c1", "2, day null")) == 'client c1, day "2, day null"'

"""Two texts that differ are seen to differ."""

from __future__ import annotations

import pytest

from puntual.model.shown import told_apart


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

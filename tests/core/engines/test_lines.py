"""Lines of any bytes have exact positions."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from puntual.engines.duckdb import lines
from puntual.engines.duckdb.lines import PART_SHIFT, read_lines, read_slice, slices_of
from puntual.model.contract import Csv
from puntual.ports.engine import RawPart

FIXTURE = [HealthCheck.function_scoped_fixture]


def read(path: Path, form: Csv | None = None) -> list[tuple[int, str | None, str | None]]:
    table = read_lines((RawPart(uri=str(path), short="0" * 12),), form).read_all()
    return list(zip(*(c.to_pylist() for c in table.columns), strict=True))


def expected(data: bytes) -> list[tuple[int, str | None, str | None]]:
    """Say the same line by line, slowly."""
    found: list[tuple[int, str | None, str | None]] = []
    pieces = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, piece in enumerate(pieces, start=1):
        last = number == len(pieces)
        if last and not piece:
            continue
        try:
            found.append((number, piece.decode(), "cut_off" if last else None))
        except UnicodeDecodeError:
            found.append((number, None, "cut_off" if last else "bad_encoding"))
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=FIXTURE)
@given(
    data=st.lists(
        st.sampled_from(
            [
                b"\n",
                b"\r",
                b"\0",
                b"a",
                b"\xff",
                b"\xc3\xa9",
                b"\xc3",
                b"\xe2\x80\xa8",
                b"\xef\xbb\xbf",
            ]
        )
    ).map(b"".join),
    block=st.integers(1, 5),
)
def test_any_bytes_in_any_blocks_are_cut_at_line_feeds_only(
    tmp_path: Path, data: bytes, block: int
) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", max(block, 3))
        assert read(path) == expected(data)


def test_each_part_counts_its_own_lines(tmp_path: Path) -> None:
    parts = []
    for number in range(2):
        path = tmp_path / str(number)
        path.write_bytes(b"a\nb\n")
        parts.append(RawPart(uri=str(path), short="0" * 12))
    table = read_lines(parts, None).read_all()
    second = 1 << PART_SHIFT
    assert table.column("ordinal").to_pylist() == [1, 2, second + 1, second + 2]


@settings(max_examples=100, deadline=None, suppress_health_check=FIXTURE)
@given(
    data=st.lists(st.sampled_from([b"\n", b'"', b"a", b"\r\n"]), max_size=30).map(b"".join),
    block=st.integers(1, 5),
)
def test_joined_lines_lose_no_byte_whatever_the_blocks(
    tmp_path: Path, data: bytes, block: int
) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    whole = read(path, Csv(multiline=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", block)
        assert read(path, Csv(multiline=True)) == whole
    assert "\n".join(str(r[1]) for r in whole) == data.decode().removesuffix("\n")


def test_a_line_beyond_the_limit_has_a_number_and_no_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\n" + b"x" * 100 + b"\nb\n" + b"y" * 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", 8)
        patch.setattr(lines, "MAX_LINE", 32)
        assert read(path) == [
            (1, "a", None),
            (2, None, "too_long"),
            (3, "b", None),
            (4, None, "too_long"),
        ]


@settings(max_examples=200, deadline=None, suppress_health_check=FIXTURE)
@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=8), block=st.integers(3, 16))
def test_a_line_is_too_long_by_its_length_and_not_by_where_a_block_ends(
    tmp_path: Path, lengths: list[int], block: int
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"".join(b"z" * length + b"\n" for length in lengths))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", block)
        patch.setattr(lines, "MAX_LINE", 20)
        assert read(path) == [
            (n, None if length > 20 else "z" * length, "too_long" if length > 20 else None)
            for n, length in enumerate(lengths, 1)
        ]


def test_text_of_another_encoding_is_cut_at_its_line_feeds_whatever_the_blocks(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x"
    text = "año\nĀĊ\n\nniño"
    path.write_bytes(text.encode("utf-16"))
    with pytest.MonkeyPatch.context() as patch:
        for block in (3, 5, 1 << 20):
            patch.setattr(lines, "BLOCK", block)
            found = read(path, Csv(encoding="utf-16"))
            assert found == [
                (1, "año", None),
                (2, "ĀĊ", None),
                (3, "", None),
                (4, "niño", "cut_off"),
            ]


@settings(max_examples=200, deadline=None, suppress_health_check=FIXTURE)
@given(
    data=st.lists(
        st.sampled_from([b"\n", b"a", b"bb", b"\xff", b"\xef\xbb\xbf", b"\r", b"c" * 30])
    ).map(b"".join),
    size=st.integers(3, 40),
    block=st.integers(3, 9),
)
def test_slices_of_a_file_have_its_lines_in_their_places(
    tmp_path: Path, data: bytes, size: int, block: int
) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    part = RawPart(uri=str(path), short="0" * 12)
    found: list[tuple[int, str | None, str | None]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", block)
        patch.setattr(lines, "SLICE", size)
        patch.setattr(lines, "MAX_LINE", 25)
        whole = read(path)
        for piece in slices_of(part, None):
            before = len(found)
            table = read_slice(part, None, piece).read_all()
            rows = zip(*(c.to_pylist() for c in table.columns), strict=True)
            found += [(n - piece.begin + before, line, flaw) for n, line, flaw in rows]
            assert piece.lines == len(found) - before
    assert found == whole


def test_no_more_of_a_file_is_read_than_it_has_to_find_where_lines_begin(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\n" * 40 + b"y" * 4000)
    part = RawPart(uri=str(path), short="0" * 12)
    sought: list[int] = []
    line_begin = lines._line_begin

    def seen(file: BinaryIO, offset: int) -> int:
        found = line_begin(file, offset)
        sought.append(file.tell() - offset)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", 16)
        patch.setattr(lines, "SLICE", 64)
        patch.setattr(lines, "_line_begin", seen)
        slices = slices_of(part, None)
    assert (slices[0].begin, slices[-1].end) == (0, 4080)
    assert sum(sought) < 2 * 4080


def test_a_file_has_at_most_so_many_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\n" * 500)
    monkeypatch.setattr(lines, "SLICE", 8)
    monkeypatch.setattr(lines, "MOST_SLICES", 7)
    found = slices_of(RawPart(uri=str(path), short="0" * 12), None)
    assert (len(found), found[0].begin, found[-1].end) == (7, 0, 1000)


def test_a_file_that_became_shorter_is_not_read_as_if_it_were_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\n" * 50)
    part = RawPart(uri=str(path), short="0" * 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "SLICE", 20)
        *_, last = slices_of(part, None)
        path.write_bytes(b"a\n" * 20)
        with pytest.raises(OSError, match="shorter than it was"):
            read_slice(part, None, last).read_all()

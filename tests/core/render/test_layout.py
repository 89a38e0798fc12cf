"""Report rows become the regulator's file, exactly or not at all, and read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.errors import ProjectError
from puntual.model.report import Align, Field, Layout
from puntual.render.layout import lay_out
from puntual.render.problems import LayoutProblem, findings_of
from puntual.render.readback import compare, read_back
from puntual.render.templates import FileFacts, file_name

FACTS = FileFacts(
    report="credit_daily",
    institution="Banco Ejemplo",
    reference_date=date(2026, 11, 20),
    version=1,
)
NAMES = ("product", "balance")
TYPES = ("VARCHAR", "DECIMAL(18,2)")
COLUMNS = (("CARD", "LOAN"), (Decimal("-12.30"), Decimal("1000.00")))

DELIMITED = Layout(
    kind="delimited",
    file_name="{report}_{reference_date:%Y%m%d}_v{version}.txt",
    header=(
        Field(name="type", value="H"),
        Field(name="institution", value="{institution}"),
        Field(name="date", value="{reference_date:%Y%m%d}"),
    ),
    detail=(Field(name="product"), Field(name="balance", scale=2)),
    trailer=(
        Field(name="type", value="T"),
        Field(name="records", value="{records}"),
        Field(name="total", value="{sum:balance}", scale=2),
    ),
)
FIXED = Layout(
    kind="fixed",
    file_name="x",
    header=(
        Field(name="type", value="H", width=1),
        Field(name="day", value="{reference_date}", width=10),
    ),
    detail=(
        Field(name="product", width=6),
        Field(name="balance", width=10, align=Align.RIGHT, fill="0", scale=2),
    ),
    trailer=(Field(name="records", value="{records}", width=6, align=Align.RIGHT, fill="0"),),
)


def check_back(
    layout: Layout,
    data: bytes,
    names: tuple[str, ...],
    types: tuple[str, ...],
    columns: tuple[tuple[object, ...], ...],
    facts: FileFacts,
) -> tuple[LayoutProblem, ...]:
    found = read_back(layout, data, names, types)
    return compare(layout, names, types, columns, facts, found)


def data_of(
    layout: Layout,
    columns: tuple[tuple[object, ...], ...] = COLUMNS,
    types: tuple[str, ...] = TYPES,
) -> bytes:
    laid = lay_out(layout, NAMES, types, columns, FACTS)
    assert laid.problems == ()
    assert laid.data is not None
    assert check_back(layout, laid.data, NAMES, types, columns, FACTS) == ()
    return laid.data


def problems_of(
    layout: Layout,
    columns: tuple[tuple[object, ...], ...] = COLUMNS,
    types: tuple[str, ...] = TYPES,
) -> list[tuple[str, str, tuple[int, ...]]]:
    laid = lay_out(layout, NAMES, types, columns, FACTS)
    assert laid.data is None
    return [(p.code, p.field, p.first) for p in laid.problems]


def test_a_delimited_file_has_header_rows_and_trailer_with_control_totals() -> None:
    assert data_of(DELIMITED) == (
        b"H|Banco Ejemplo|20261120\nCARD|-12.30\nLOAN|1000.00\nT|2|987.70\n"
    )


def test_column_names_stand_between_header_and_rows() -> None:
    lines = data_of(replace(DELIMITED, column_names=True)).split(b"\n")
    assert lines[1] == b"product|balance"


def test_a_fixed_width_number_has_its_sign_before_its_zeros() -> None:
    assert data_of(FIXED) == b"H2026-11-20\nCARD  -000012.30\nLOAN  0001000.00\n000002\n"


def test_an_implied_point_is_left_out_and_read_back() -> None:
    layout = replace(
        FIXED,
        detail=(FIXED.detail[0], replace(FIXED.detail[1], implied_point=True)),
    )
    assert b"CARD  -000001230\n" in data_of(layout)


def test_blanks_stand_before_a_right_aligned_number() -> None:
    layout = replace(FIXED, detail=(FIXED.detail[0], replace(FIXED.detail[1], fill=" ")))
    assert b"CARD      -12.30\n" in data_of(layout)


def test_a_decimal_comma_and_crlf_are_written_as_declared() -> None:
    layout = replace(DELIMITED, decimal_mark=",", newline="\r\n", encoding="latin-1")
    columns = (("AÑO", "LOAN"), COLUMNS[1])
    assert "AÑO|-12,30\r\n".encode("latin-1") in data_of(layout, columns)


@pytest.mark.row("f18", "f53")
def test_a_day_without_rows_has_zero_records_and_a_zero_sum() -> None:
    assert data_of(DELIMITED, ((), ())) == b"H|Banco Ejemplo|20261120\nT|0|0.00\n"
    assert data_of(FIXED, ((), ())) == b"H2026-11-20\n000000\n"


def test_the_same_rows_give_the_same_bytes() -> None:
    assert data_of(DELIMITED) == data_of(DELIMITED)


def test_a_value_that_is_too_wide_is_refused_and_never_cut() -> None:
    columns = (("CREDITCARD", "LOAN"), COLUMNS[1])
    assert problems_of(FIXED, columns) == [("L3001", "product", (1,))]
    assert problems_of(FIXED, (COLUMNS[0], (Decimal("1.00"), Decimal("-1000000.00")))) == [
        ("L3001", "balance", (2,))
    ]


@pytest.mark.row("h6")
@pytest.mark.parametrize("text", ["a|b", "a\nb", "a\rb"])
def test_a_text_that_would_break_its_record_is_refused_without_a_quote(text: str) -> None:
    assert problems_of(DELIMITED, (("CARD", text), COLUMNS[1])) == [("L3002", "product", (2,))]


def test_a_text_that_would_break_its_record_is_quoted_where_the_layout_can() -> None:
    columns = (('a|"b"\nc', "LOAN"), COLUMNS[1])
    assert b'"a|""b""\nc"|-12.30\n' in data_of(replace(DELIMITED, quote='"'), columns)


def test_a_line_end_is_refused_in_a_fixed_width_field() -> None:
    assert problems_of(FIXED, (("CARD", "a\nb"), COLUMNS[1])) == [("L3002", "product", (2,))]


def test_a_character_without_bytes_is_refused_with_its_row() -> None:
    layout = replace(DELIMITED, encoding="ascii")
    assert problems_of(layout, (("CARD", "AÑO"), COLUMNS[1])) == [("L3003", "product", (2,))]


def test_a_literal_that_cannot_be_encoded_is_refused() -> None:
    layout = replace(DELIMITED, encoding="ascii", header=(Field(name="h", value="Ñ"),))
    assert problems_of(layout) == [("L3003", "", ())]


@pytest.mark.row("f41")
def test_decimals_are_never_rounded_silently() -> None:
    columns = (COLUMNS[0], (Decimal("1.005"), Decimal("1.000")))
    assert problems_of(DELIMITED, columns, ("VARCHAR", "DECIMAL(18,3)")) == [
        ("L3004", "balance", (1,)),
        ("L3004", "total", ()),
    ]


@pytest.mark.row("f53")
def test_an_amount_of_38_digits_stays_exact() -> None:
    big = Decimal("999999999999999999999999999999999999.99")
    data = data_of(DELIMITED, (COLUMNS[0], (big, big)))
    assert b"T|2|1999999999999999999999999999999999999.98\n" in data


def test_a_null_is_written_as_the_layout_says() -> None:
    columns = ((None, "LOAN"), (None, Decimal("1.00")))
    assert b"\n|\nLOAN|1.00\n" in data_of(DELIMITED, columns)


def test_a_null_that_would_read_as_zero_is_refused() -> None:
    assert problems_of(FIXED, (COLUMNS[0], (None, Decimal("1.00")))) == [("L3005", "balance", (1,))]
    assert problems_of(replace(DELIMITED, null="0"), (COLUMNS[0], (None, Decimal("1.00")))) == [
        ("L3005", "balance", (1,))
    ]


def test_a_text_that_would_read_as_a_null_is_refused() -> None:
    layout = replace(DELIMITED, null="NULL")
    assert problems_of(layout, (("NULL", None), COLUMNS[1])) == [("L3005", "product", (1,))]


def test_zeros_after_a_number_are_refused() -> None:
    layout = replace(FIXED, detail=(FIXED.detail[0], replace(FIXED.detail[1], align=Align.LEFT)))
    assert problems_of(layout) == [("L3005", "balance", ())]


@pytest.mark.parametrize("value", ["{total}", "{sum:product}", "{sum:other}", "{records", "{now}"])
def test_an_unknown_placeholder_is_refused(value: str) -> None:
    layout = replace(DELIMITED, trailer=(Field(name="t", value=value),))
    assert problems_of(layout) == [("L3006", "t", ())]


def test_a_file_name_says_report_day_and_version() -> None:
    assert file_name(DELIMITED, FACTS) == "credit_daily_20261120_v1.txt"
    with pytest.raises(ProjectError, match="L3006"):
        file_name(replace(DELIMITED, file_name="{records}.txt"), FACTS)


@pytest.mark.row("f51")
def test_a_floating_point_column_is_refused() -> None:
    assert problems_of(DELIMITED, COLUMNS, ("VARCHAR", "DOUBLE")) == [("L3007", "balance", ())]


def test_columns_and_fields_must_be_the_same() -> None:
    laid = lay_out(DELIMITED, ("product", "amount"), TYPES, COLUMNS, FACTS)
    assert [(p.code, p.field) for p in laid.problems] == [("L3008", "amount"), ("L3008", "balance")]


def test_every_problem_is_reported_at_once() -> None:
    columns = (("a|b", "LOAN"), (Decimal("1.005"), Decimal(1)))
    assert [c for c, _, _ in problems_of(DELIMITED, columns, ("VARCHAR", "DECIMAL(9,3)"))] == [
        "L3002",
        "L3004",
        "L3004",
    ]


def test_a_problem_becomes_a_finding_with_rows_and_no_value() -> None:
    laid = lay_out(FIXED, NAMES, TYPES, (("SECRETNAME", "LOAN"), COLUMNS[1]), FACTS)
    (finding,) = findings_of("credit_daily", laid.problems)
    assert (finding.code, finding.rule, finding.rows) == ("L3001", "credit_daily.product", 1)
    assert "report rows 1" in finding.message
    assert "SECRET" not in f"{finding.message}{finding.expected}{finding.observed}"


def changed(layout: Layout, old: bytes, new: bytes) -> list[LayoutProblem]:
    data = data_of(layout)
    assert old in data
    return list(check_back(layout, data.replace(old, new, 1), NAMES, TYPES, COLUMNS, FACTS))


@pytest.mark.row("f77")
@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"-12.30", b"-12.31", "balance"),
        (b"-12.30", b"-1x.30", "balance"),
        (b"CARD", b"CARE", "product"),
        (b"T|2|", b"T|3|", "records"),
        (b"987.70", b"987.71", "total"),
        (b"20261120", b"20261121", "date"),
        (b"LOAN|1000.00\n", b"", ""),
        (b"LOAN|1000.00", b"LOAN|1000.00|", ""),
        (b"987.70\n", b"987.70", ""),
        (b"Banco", b"B\xffnco", ""),
    ],
)
def test_an_altered_file_does_not_read_back(old: bytes, new: bytes, field: str) -> None:
    found = changed(DELIMITED, old, new)
    assert found
    assert {p.code for p in found} == {"L3009"}
    assert field in {p.field for p in found}


@pytest.mark.row("f7")
def test_a_file_whose_quotes_do_not_close_does_not_read_back() -> None:
    layout = replace(DELIMITED, header=(), trailer=(), quote='"')
    found = read_back(layout, b'"CARD|1.00\n', NAMES, TYPES)
    assert [p.code for p in found.problems] == ["L3009"]


def test_an_altered_fixed_width_file_does_not_read_back() -> None:
    assert [p.field for p in changed(FIXED, b"-000012.30", b"-000012.31")] == ["balance"]
    assert [p.field for p in changed(FIXED, b"000002\n", b"000003\n")] == ["records"]
    assert [p.field for p in changed(FIXED, b"CARD  ", b"CARD ")] == [""]


def test_what_is_read_back_is_typed() -> None:
    found = read_back(DELIMITED, data_of(DELIMITED), NAMES, TYPES)
    assert found.header == ("H", "Banco Ejemplo", "20261120")
    assert found.columns == COLUMNS
    assert found.trailer == ("T", "2", "987.70")


def test_dates_instants_booleans_and_integers_read_back() -> None:
    names = ("day", "at", "open", "count")
    types = ("DATE", "TIMESTAMP WITH TIME ZONE", "BOOLEAN", "BIGINT")
    instant = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    columns = (
        (date(2026, 11, 20), None),
        (instant, None),
        (True, None),
        (-5, None),
    )
    layout = replace(
        DELIMITED,
        header=(),
        trailer=(),
        detail=(
            Field(name="day", date_format="%d/%m/%Y"),
            Field(name="at", date_format="%Y-%m-%dT%H:%M:%SZ"),
            Field(name="open"),
            Field(name="count"),
        ),
    )
    laid = lay_out(layout, names, types, columns, FACTS)
    assert laid.data == b"20/11/2026|2026-11-20T23:59:00Z|true|-5\n|||\n"
    assert check_back(layout, laid.data, names, types, columns, FACTS) == ()


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
AMOUNTS = st.decimals(
    allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12
)
ROWS = st.lists(st.tuples(st.none() | TEXTS, st.none() | AMOUNTS), max_size=6)


@given(ROWS, st.sampled_from(["|", ",", ";", "\t"]), st.sampled_from([".", ","]), st.booleans())
def test_whatever_is_written_with_quotes_reads_back(
    rows: list[tuple[str | None, Decimal | None]], delimiter: str, mark: str, names: bool
) -> None:
    layout = replace(
        DELIMITED, quote='"', delimiter=delimiter, decimal_mark=mark, column_names=names
    )
    columns = (tuple(r[0] for r in rows), tuple(r[1] for r in rows))
    laid = lay_out(layout, NAMES, TYPES, columns, FACTS)
    assert laid.problems == ()
    assert laid.data is not None
    assert check_back(layout, laid.data, NAMES, TYPES, columns, FACTS) == ()


@given(ROWS, st.booleans())
def test_what_is_written_without_quotes_or_in_fixed_width_reads_back(
    rows: list[tuple[str | None, Decimal | None]], fixed: bool
) -> None:
    wide = replace(FIXED, detail=(FIXED.detail[0], replace(FIXED.detail[1], width=17, fill=" ")))
    layout = wide if fixed else DELIMITED
    columns = (tuple(r[0] for r in rows), tuple(r[1] for r in rows))
    laid = lay_out(layout, NAMES, TYPES, columns, FACTS)
    if laid.data is not None:
        assert check_back(layout, laid.data, NAMES, TYPES, columns, FACTS) == ()
    else:
        assert {p.code for p in laid.problems} <= {"L3001", "L3002"}

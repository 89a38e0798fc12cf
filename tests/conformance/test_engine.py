"""Every promise of the port Engine, kept by DuckDB."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from puntual.checks.comparable import no_number
from puntual.engines.dialect.fast import fast_sql
from puntual.engines.duckdb import lines
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.errors import PermanentError
from puntual.model.check import (
    AcceptedValues,
    Check,
    Fresh,
    NotNull,
    Reference,
    RowRule,
    Rule,
    SqlRows,
    SumEquals,
    Unique,
)
from puntual.model.contract import (
    Column,
    ColumnType,
    Contract,
    Csv,
    Format,
    JsonLines,
    Keep,
    Kind,
    Measure,
    Parquet,
)
from puntual.model.project import Model
from puntual.ports.engine import Built, Curated, Day, Engine, RawDay, RawPart

DAY = date(2026, 11, 20)
MONEY = ColumnType(kind=Kind.DECIMAL, precision=18, scale=2)
TEXT = ColumnType(kind=Kind.TEXT)


def column(name: str, kind: ColumnType = TEXT, **over: object) -> Column:
    made = Column(name=name, source_name=name, type=kind)
    return replace(made, **over)  # type: ignore[arg-type]


def contract(form: Format, *columns: Column, **over: object) -> Contract:
    made = Contract(
        dataset="events",
        version="1",
        file="contracts/events.odcs.yaml",
        columns=columns,
        format=form,
    )
    return replace(made, **over)  # type: ignore[arg-type]


PAYMENTS = (column("id", required=True), column("amount", MONEY), column("note"))
MEASURES = (Measure(column="amount", unit="MXN"),)


def raw(folder: Path, made: Contract, *files: bytes, day: date = DAY) -> RawDay:
    parts = []
    for number, data in enumerate(files):
        path = folder / f"part{number}"
        path.write_bytes(data)
        parts.append(RawPart(uri=str(path), short=f"{number:012x}"))
    return RawDay(contract=made, reference_date=day, parts=tuple(parts))


def rows(path: str) -> list[tuple[object, ...]]:
    table = pq.read_table(path)
    return list(zip(*(c.to_pylist() for c in table.columns), strict=True))


def data_of(made: Curated | Built) -> list[tuple[object, ...]]:
    """Return the rows of all files, in order."""
    return [row for file in made.files for row in rows(file.path)]


def aside(made: Curated) -> list[tuple[object, ...]]:
    return [r[:5] for r in rows(made.set_aside_path)]


def out(folder: Path, name: str = "out") -> str:
    made = folder / name
    made.mkdir(exist_ok=True)
    return str(made)


def folders(parent: Path, number: int) -> list[Path]:
    found = [parent / str(i) for i in range(number)]
    for folder in found:
        folder.mkdir()
    return found


class EngineSuite:
    """Subclass it with an `engine` fixture."""

    # Lines, positions, encodings

    def test_a_json_line_becomes_a_typed_row_with_its_place(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        day = raw(tmp_path, contract(JsonLines(), *PAYMENTS), b'{"id":"A","amount":"1.10"}\n')
        made = engine.curate(day, out(tmp_path))
        assert data_of(made) == [("A", Decimal("1.10"), None, "000000000000", 1)]

    @pytest.mark.row("f21", "f41", "h11")
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"{", "not_json"),
            (b"[1]", "not_json"),
            (b"null", "not_json"),
            (b'"text"', "not_json"),
            (b'{"id":"A"} x', "not_json"),
            (b'{"id":"A","id":"B"}', "not_json"),
            (b'{"id":"A","other":1,"other":2}', "not_json"),
            (b'{"id":"\\ud800"}', "not_json"),
            (b'{"id":"\xff"}', "bad_encoding"),
            (b'{"amount":"1"}', "required"),
            (b'{"id":"A","amount":"x"}', "not_a_decimal"),
            (b'{"id":"A","amount":true}', "not_a_decimal"),
            (b'{"id":"A","amount":[1]}', "not_a_decimal"),
            (b'{"id":"A","amount":{"a":1}}', "not_a_decimal"),
            (b'{"id":"A","amount":"1.005"}', "not_a_decimal"),
            (b'{"id":"A","amount":1.005}', "not_a_decimal"),
            (b'{"id":"A","amount":0.1000000000000000055}', "not_a_decimal"),
            (b'{"id":"A","amount":1e999999999}', "not_a_decimal"),
            (b'{"id":"A","amount":12345678901234567.00}', "not_a_decimal"),
            (b'{"id":"A","amount":""}', "not_a_decimal"),
            (b'{"id":"A","amount":NaN}', "not_a_decimal"),
            (b'{"id":"A","a":{"amount":1.0},"amount":1234567890123456.78}', "not_a_decimal"),
        ],
    )
    def test_a_line_that_does_not_fit_is_quarantined_at_its_place(
        self, engine: Engine, tmp_path: Path, line: bytes, reason: str
    ) -> None:
        day = raw(
            tmp_path, contract(JsonLines(), *PAYMENTS), b'{"id":"X"}\n' + line + b'\n{"id":"Y"}\n'
        )
        made = engine.curate(day, out(tmp_path))
        assert [r[:4] for r in aside(made)] == [("0" * 12, 2, "quarantined", reason)]
        assert [(r[0], r[-1]) for r in data_of(made)] == [("X", 1), ("Y", 3)]

    @pytest.mark.row("f41", "h14")
    @pytest.mark.parametrize(
        ("number", "value"),
        [
            (b"1234567890123456.78", "1234567890123456.78"),
            (b'"1234567890123456.78"', "1234567890123456.78"),
            (b"1.10", "1.10"),
            (b"1e3", "1000.00"),
            (b"1.25E+1", "12.50"),
            (b"-0.0", "0.00"),
            (b"1000000000000000.100000", "1000000000000000.10"),
            (b"1", "1.00"),
            (b"null", None),
        ],
    )
    def test_a_json_number_is_read_exactly(
        self, engine: Engine, tmp_path: Path, number: bytes, value: str | None
    ) -> None:
        line = b'{"id":"A","amount": ' + number + b"}\n"
        made = engine.curate(raw(tmp_path, contract(JsonLines(), *PAYMENTS), line), out(tmp_path))
        assert [r[1] for r in data_of(made)] == [Decimal(value) if value else None]

    def test_a_dotted_path_reaches_into_nested_json(self, engine: Engine, tmp_path: Path) -> None:
        nested = column("amount", MONEY, source_name="debit.amount")
        day = raw(
            tmp_path,
            contract(JsonLines(), PAYMENTS[0], nested),
            b'{"id":"A","debit":{"amount":1.5}}\n{"id":"B","debit":{"amount":1,"amount":2}}\n',
        )
        made = engine.curate(day, out(tmp_path))
        assert data_of(made) == [("A", Decimal("1.50"), "0" * 12, 1)]
        assert [r[3] for r in aside(made)] == ["not_json"]

    @pytest.mark.row("f44", "h13")
    def test_blank_lines_cr_nul_and_bom_shift_no_position(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        data = (
            b'\xef\xbb\xbf{"id":"A"}\r\n\r\n\n{"id":"B\\u0000"}\n\x00\n{"id":"C",\r"note":"x"}\n'
            b'{"id":"D"}\n'
        )
        made = engine.curate(raw(tmp_path, contract(JsonLines(), *PAYMENTS), data), out(tmp_path))
        assert [(r[0], r[-1]) for r in data_of(made)] == [
            ("A", 1),
            ("B\0", 4),
            ("C", 6),
            ("D", 7),
        ]
        assert [(r[1], r[3]) for r in aside(made)] == [(5, "not_json")]

    def test_an_unreadable_last_line_without_line_end_is_cut_off(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        made = engine.curate(
            raw(
                tmp_path,
                contract(JsonLines(), *PAYMENTS),
                b'{"id":"A"}\n{"id":"B"}',
                b'{"id":"C"}\n{"id":"D',
                b'{"id":"E"}\n{"id":"\xff',
                b"",
            ),
            out(tmp_path),
        )
        assert [r[0] for r in data_of(made)] == ["A", "B", "C", "E"]
        assert [r[:4] for r in aside(made)] == [
            (f"{1:012x}", 2, "quarantined", "cut_off"),
            (f"{2:012x}", 2, "quarantined", "cut_off"),
        ]

    @pytest.mark.row("f45")
    def test_a_line_of_many_megabytes_is_too_long_and_shifts_nothing(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        long = b'{"id":"' + b"x" * (20 << 20) + b'"}\n'
        day = raw(
            tmp_path, contract(JsonLines(), *PAYMENTS), b'{"id":"A"}\n' + long + b'{"id":"B"}\n'
        )
        made = engine.curate(day, out(tmp_path))
        assert [(r[0], r[-1]) for r in data_of(made)] == [("A", 1), ("B", 3)]
        assert [(r[1], r[3]) for r in aside(made)] == [(2, "too_long")]
        assert engine.count(day).unreadable == 1

    # CSV

    def test_csv_columns_are_matched_by_the_header_of_each_file(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        day = raw(
            tmp_path,
            contract(Csv(), *PAYMENTS),
            b"id,amount,note\nA,1.10,x\n",
            b'note,"amount",id\r\n"a ""b"", c",2,B\r\n',
        )
        made = engine.curate(day, out(tmp_path))
        assert [r[:3] for r in data_of(made)] == [
            ("A", Decimal("1.10"), "x"),
            ("B", Decimal("2.00"), 'a "b", c'),
        ]

    @pytest.mark.row("h13")
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"A,1", "wrong_columns"),
            (b"A,1,x,y", "wrong_columns"),
            (b'A,1,"x', "bad_quotes"),
            (b'A,1,x"y"', "bad_quotes"),
            (b'A,1,"x"y', "bad_quotes"),
            (b"A,1\xff,x", "bad_encoding"),
            (b",1,x", "required"),
            (b"A,1e3,x", "not_a_decimal"),
            (b'A,"1,5",x', "not_a_decimal"),
        ],
    )
    def test_a_csv_line_that_does_not_fit_is_quarantined(
        self, engine: Engine, tmp_path: Path, line: bytes, reason: str
    ) -> None:
        data = b"id,amount,note\nX,1,\n" + line + b"\nY,2,\n"
        made = engine.curate(raw(tmp_path, contract(Csv(), *PAYMENTS), data), out(tmp_path))
        assert [(r[1], r[3]) for r in aside(made)] == [(3, reason)]
        assert [(r[0], r[-1]) for r in data_of(made)] == [("X", 2), ("Y", 4)]

    def test_a_csv_file_without_a_column_of_the_contract_gives_no_row(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        made = engine.curate(
            raw(tmp_path, contract(Csv(), *PAYMENTS), b"id,amount\nA,1\n"), out(tmp_path)
        )
        assert [r[3] for r in aside(made)] == ["wrong_columns"]

    def test_an_mexican_csv_is_read_by_its_declared_marks_and_encoding(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        form = Csv(
            delimiter=";",
            encoding="cp1252",
            decimal_mark=",",
            group_mark=".",
            header=False,
            null_values=("", "NULO"),
        )
        data = "01;1.234,56;Peña\n02;12.34,56;x\n03;-7,5;NULO\n".encode("cp1252") + b"04;1;\x81\n"
        made = engine.curate(raw(tmp_path, contract(form, *PAYMENTS), data), out(tmp_path))
        assert [r[:3] for r in data_of(made)] == [
            ("01", Decimal("1234.56"), "Peña"),
            ("03", Decimal("-7.50"), None),
        ]
        assert [(r[1], r[3]) for r in aside(made)] == [(2, "not_a_decimal"), (4, "bad_encoding")]

    @pytest.mark.row("h13")
    def test_utf_16_is_cut_at_its_own_line_ends(self, engine: Engine, tmp_path: Path) -> None:
        form = Csv(encoding="utf-16", header=False)
        data = "A,1,ĊĊ\nB,2,y\n".encode("utf-16")
        made = engine.curate(raw(tmp_path, contract(form, *PAYMENTS), data), out(tmp_path))
        assert [(r[0], r[2]) for r in data_of(made)] == [("A", "ĊĊ"), ("B", "y")]

    @pytest.mark.row("h13")
    def test_a_multiline_record_stands_where_it_starts(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        data = (
            b'id,amount,note\nA,1,"two\r\nlines"\nB,2,x\nC,3,"a\n\nb"\nD,4,"never closed\nE,5,x\n'
        )
        made = engine.curate(
            raw(tmp_path, contract(Csv(multiline=True), *PAYMENTS), data), out(tmp_path)
        )
        assert [(r[0], r[2], r[-1]) for r in data_of(made)] == [
            ("A", "two\r\nlines", 2),
            ("B", "x", 4),
            ("C", "a\n\nb", 5),
        ]
        assert [(r[1], r[3]) for r in aside(made)] == [(8, "bad_quotes")]

    # Types, rules, days

    @pytest.mark.row("f17", "f41")
    @pytest.mark.parametrize(
        ("kind", "form", "text", "value"),
        [
            (Kind.DATE, None, "2026-02-28", date(2026, 2, 28)),
            (Kind.DATE, None, "2026-02-30", "not_a_date"),
            (Kind.DATE, None, "2026-2-3", "not_a_date"),
            (Kind.DATE, "%d/%m/%Y", "28/02/2026", date(2026, 2, 28)),
            (
                Kind.TIMESTAMP,
                None,
                "2026-11-20T10:00:00+05:30",
                datetime(2026, 11, 20, 4, 30, tzinfo=UTC),
            ),
            (Kind.TIMESTAMP, None, "2026-11-20 10:00", datetime(2026, 11, 20, 16, 0, tzinfo=UTC)),
            (Kind.TIMESTAMP, None, "2026-11-20", "not_a_timestamp"),
            (Kind.INTEGER, None, "007", 7),
            (Kind.INTEGER, None, "9223372036854775808", "not_an_integer"),
            (Kind.INTEGER, None, "1_0", "not_an_integer"),
            (Kind.BOOLEAN, None, "true", True),
            (Kind.BOOLEAN, None, "0", False),
            (Kind.BOOLEAN, None, "TRUE", "not_a_boolean"),
            (Kind.TEXT, None, "007 ", "007 "),
        ],
    )
    def test_a_text_is_its_type_or_quarantined(
        self, engine: Engine, tmp_path: Path, kind: Kind, form: str | None, text: str, value: object
    ) -> None:
        made = contract(
            Csv(header=False),
            column("x", ColumnType(kind=kind), format=form),
            time_zone="America/Mexico_City",
        )
        curated = engine.curate(raw(tmp_path, made, text.encode() + b"\n"), out(tmp_path))
        found = [r[0] for r in data_of(curated)] or [aside(curated)[0][3]]
        assert found == [value]

    def test_pattern_and_accepted_values_quarantine(self, engine: Engine, tmp_path: Path) -> None:
        made = contract(
            Csv(header=False),
            column("id", pattern="[A-Z]+"),
            column("kind", accepted=("PAYMENT", "it's")),
        )
        data = b"A,PAYMENT\na,PAYMENT\nB,OTHER\nC,it's\nD,\n"
        curated = engine.curate(raw(tmp_path, made, data), out(tmp_path))
        assert [r[0] for r in data_of(curated)] == ["A", "C", "D"]
        assert [r[1:] for r in aside(curated)] == [
            (2, "quarantined", "pattern", "id"),
            (3, "quarantined", "not_accepted", "kind"),
        ]

    @pytest.mark.row("f14", "f17")
    def test_the_day_is_cut_in_the_contracts_zone(self, engine: Engine, tmp_path: Path) -> None:
        made = contract(
            JsonLines(),
            *PAYMENTS,
            column("at", ColumnType(kind=Kind.TIMESTAMP)),
            day_column="at",
            time_zone="America/Mexico_City",
            measures=MEASURES,
        )
        data = b"".join(
            b'{"id":"%d","amount":"1.00","at":%s}\n' % (i, at)
            for i, at in enumerate(
                [
                    b'"2026-11-20T05:59:59.999999Z"',
                    b'"2026-11-20T06:00:00Z"',
                    b'"2026-11-21T05:59:59.999999Z"',
                    b'"2026-11-21T06:00:00Z"',
                    b"null",
                ]
            )
        )
        day = raw(tmp_path, made, data)
        curated = engine.curate(day, out(tmp_path))
        assert [r[0] for r in data_of(curated)] == ["1", "2"]
        assert {k: v.records for k, v in curated.set_aside.items()} == {
            ("late", "earlier_day"): 1,
            ("quarantined", "later_day"): 1,
            ("quarantined", "required"): 1,
        }
        landed = engine.count(day)
        assert landed.other_days == {"2026-11-19": 1, "2026-11-21": 1}
        assert (landed.records, landed.sums) == (5, {"amount": Decimal("5.00")})

    # Duplicates

    @pytest.mark.row("f19", "f23", "f42")
    @pytest.mark.parametrize(
        ("keep", "order_by", "kept"),
        [
            (Keep.FIRST, None, "1.00"),
            (Keep.LAST, None, "3.00"),
            (Keep.FIRST, "rank", "2.00"),
            (Keep.LAST, "rank", "1.00"),
        ],
    )
    def test_of_one_key_one_record_stays_by_declaration(
        self, engine: Engine, tmp_path: Path, keep: Keep, order_by: str | None, kept: str
    ) -> None:
        made = contract(
            Csv(header=False),
            column("id"),
            column("amount", MONEY),
            column("rank", ColumnType(kind=Kind.INTEGER)),
            key=("id",),
            keep=keep,
            order_by=order_by,
            measures=MEASURES,
        )
        curated = engine.curate(
            raw(tmp_path, made, b"A,1.00,9\nB,7.00,1\n", b"A,2.00,3\nA,3.00,\n"), out(tmp_path)
        )
        assert sorted(str(r[1]) for r in data_of(curated)) == sorted([kept, "7.00"])
        duplicates = curated.set_aside["duplicate", "duplicate_key"]
        assert (duplicates.records, duplicates.sums["amount"]) == (2, Decimal(6) - Decimal(kept))
        assert curated.conflicts == 2

    @pytest.mark.row("f19")
    def test_without_a_declared_key_equal_records_are_all_kept(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        made = engine.curate(
            raw(tmp_path, contract(JsonLines(), *PAYMENTS), b'{"id":"A"}\n' * 3), out(tmp_path)
        )
        assert (made.totals.records, made.set_aside, made.conflicts) == (3, {}, 0)

    def test_a_day_without_objects_is_an_empty_table(self, engine: Engine, tmp_path: Path) -> None:
        for form in (JsonLines(), Csv(), Parquet()):
            day = raw(tmp_path, contract(form, *PAYMENTS, key=("id",), measures=MEASURES))
            made = engine.curate(day, out(tmp_path))
            assert (made.totals.records, made.totals.sums) == (0, {"amount": Decimal(0)})
            assert pq.read_schema(made.files[0].path).names == [
                "id",
                "amount",
                "note",
                "_object",
                "_position",
            ]
            assert engine.count(day).records == 0

    # Parquet and streams

    def test_parquet_columns_are_read_by_their_own_types(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        typed = pa.table(
            {
                "note": ["x", None],
                "amount": pa.array([Decimal("1.10"), None], pa.decimal128(10, 3)),
                "id": ["A", "B"],
            }
        )
        texts = pa.table({"id": ["C", "D"], "amount": ["2.5", "x"], "note": ["y", "z"]})
        floats = pa.table({"id": ["E"], "amount": [0.5], "note": [""]})
        for number, table in enumerate((typed, texts, floats)):
            pq.write_table(table, tmp_path / f"{number}.parquet")
        parts = tuple(
            RawPart(uri=str(tmp_path / f"{n}.parquet"), short=f"{n:012x}") for n in range(3)
        )
        made = contract(Parquet(), *PAYMENTS, measures=MEASURES)
        day = RawDay(contract=made, reference_date=DAY, parts=parts)
        curated = engine.curate(day, out(tmp_path))
        assert [r[:2] for r in data_of(curated)] == [
            ("A", Decimal("1.10")),
            ("B", None),
            ("C", Decimal("2.50")),
        ]
        assert [(r[0], r[1], r[3]) for r in aside(curated)] == [
            (f"{1:012x}", 2, "not_a_decimal"),
            (f"{2:012x}", 1, "not_a_decimal"),
        ]
        assert (engine.count(day).records, engine.count(day).unreadable) == (5, 2)

    def stream(self, folder: Path, payloads: Sequence[bytes]) -> RawDay:
        table = pa.table(
            {
                "shard": ["s1"] * len(payloads),
                "sequence": [str(9 + i) for i in range(len(payloads))],
                "arrived_at": pa.array([0] * len(payloads), pa.timestamp("us", "UTC")),
                "partition_key": ["k"] * len(payloads),
                "payload": pa.array(payloads, pa.binary()),
            }
        )
        path = folder / "stream.parquet"
        pq.write_table(table, path)
        made = contract(
            JsonLines(), *PAYMENTS, column("on", ColumnType(kind=Kind.DATE)), day_column="on"
        )
        part = RawPart(uri=str(path), short="ab" * 6)
        return RawDay(contract=made, reference_date=DAY, parts=(part,), stream=True)

    @pytest.mark.row("f21")
    def test_a_poisoned_stream_record_is_set_aside_and_the_rest_goes_on(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        day = self.stream(
            tmp_path,
            [b'{"id":"A","on":"2026-11-20"}', b"", b"\xff", b'{"id":"B","on":"2026-11-20"}'],
        )
        made = engine.curate(day, out(tmp_path))
        assert [(r[0], r[-1]) for r in data_of(made)] == [("A", 1), ("B", 4)]
        assert [(r[1], r[3]) for r in aside(made)] == [(2, "not_json"), (3, "bad_encoding")]

    def test_stream_records_are_divided_by_day_unchanged_and_in_order(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        payloads = [b'{"id":"A","on":"2026-11-21"}', b"junk", b'{"id":"B","on":"2026-11-20"}'] * 2
        parts = engine.split(self.stream(tmp_path, payloads), out(tmp_path))
        assert [(p.day, p.records) for p in parts] == [(DAY, 2), (DAY + timedelta(1), 2), (None, 2)]
        first = pq.read_table(parts[0].path)
        assert first.schema.names == ["shard", "sequence", "arrived_at", "partition_key", "payload"]
        assert first.column("sequence").to_pylist() == ["11", "14"]
        assert pq.read_table(parts[2].path).column("payload").to_pylist() == [b"junk", b"junk"]

    # Raw, asked anew

    def test_every_stream_record_can_be_asked_of_by_shard_whatever_becomes_of_it(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        payloads = [
            b'{"id":"A","amount":"1.10","on":"2026-11-20"}',
            b"junk",
            b'{"id":"A","amount":"-0.05","on":"2026-11-21"}',
            b'{"id":"B","amount":"x","on":"2026-11-20"}',
        ]
        sql = (
            "SELECT _shard, _object, count(*), sum(amount), max(_position) FROM events GROUP BY ALL"
        )
        (answer,) = engine.ask_raw(self.stream(tmp_path, payloads), (sql,), {}, out(tmp_path))
        assert answer.columns == (("s1",), ("ab" * 6,), (4,), (Decimal("1.05"),), (4,))

    def test_every_stream_record_can_be_asked_when_it_arrived(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        payloads = [b'{"id":"A","amount":"1.10","on":"2026-11-20"}', b"junk"]
        sql = "SELECT date_trunc('minute', _arrived_at), id, count(*) FROM events GROUP BY 1, 2"
        asked = f"{sql} ORDER BY 2 NULLS LAST"
        (answer,) = engine.ask_raw(self.stream(tmp_path, payloads), (asked,), {}, out(tmp_path))
        moments, ids, counts = answer.columns
        assert moments == (datetime(1970, 1, 1, tzinfo=UTC),) * 2
        assert (ids, counts) == (("A", None), (1, 1))

    def test_raw_lines_are_asked_of_beside_other_tables(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        made = contract(Csv(), *PAYMENTS, measures=MEASURES)
        day = raw(tmp_path, made, b"id,amount,note\nA,2.00,x\nA,2.00,x\nB,,\n")
        places = self.table(tmp_path, _position=[2])
        sql = "SELECT count(*), sum(amount) FROM events SEMI JOIN gone USING (_position)"
        every = "SELECT count(*), sum(amount) FROM events"
        answers = engine.ask_raw(day, (sql, every), {"gone": (places,)}, out(tmp_path))
        assert [a.columns for a in answers] == [
            ((1,), (Decimal("2.00"),)),
            ((3,), (Decimal("4.00"),)),
        ]

    # Models and queries

    def table(self, folder: Path, **columns: object) -> str:
        path = folder / f"{'-'.join(columns)}.parquet"
        pq.write_table(pa.table(columns), path)
        return str(path)

    def day(self, **tables: str) -> Day:
        return Day(
            reference_date=DAY,
            zone="America/Mexico_City",
            tables={n: (f,) for n, f in tables.items()},
        )

    def test_a_model_is_built_ordered_with_its_parameter(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        money = pa.array([Decimal("2.00"), Decimal("1.50")], pa.decimal128(18, 2))
        source = self.table(tmp_path, id=["b", "a"], amount=money)
        model = Model(
            name="m",
            file="models/m.sql",
            sql="SELECT id, amount, :reference_date AS day FROM t -- :reference_date\n;",
            inputs=("t",),
            key=("id",),
            measures=MEASURES,
        )
        built = engine.build(model, self.day(t=source), out(tmp_path))
        assert data_of(built) == [("a", Decimal("1.50"), DAY), ("b", Decimal("2.00"), DAY)]
        assert built.columns == (("id", "VARCHAR"), ("amount", "DECIMAL(18,2)"), ("day", "DATE"))
        assert (built.totals.records, built.totals.sums) == (2, {"amount": Decimal("3.50")})

    @pytest.mark.row("h4")
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT * FROM read_csv('/etc/passwd')",
            "SELECT 1; SELECT 2",
            "COPY t TO 'x'",
            "ATTACH 'x.db'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
            "SELECT nothing FROM t",
            "SELECT CAST('secret' AS INTEGER) FROM t",
        ],
    )
    def test_sql_of_a_project_that_reaches_out_or_fails_is_refused(
        self, engine: Engine, tmp_path: Path, sql: str
    ) -> None:
        day = self.day(t=self.table(tmp_path, id=["a"]))
        model = Model(name="m", file="models/m.sql", sql=sql, inputs=("t",))
        with pytest.raises(PermanentError) as caught:
            engine.build(model, day, out(tmp_path))
        assert (caught.value.code, caught.value.where) == ("Q1001", "models/m.sql")
        assert "secret" not in caught.value.observed

    def test_folder_names_are_no_columns_and_no_patterns(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        folder = tmp_path / "[a]*" / "id=hive"
        folder.mkdir(parents=True)
        day = self.day(t=self.table(folder, id=["a"]))
        assert engine.query("SELECT * FROM t", day, limit=None).columns == (("a",),)
        model = Model(name="m", file="m.sql", sql="SELECT * FROM t", inputs=("t",))
        assert data_of(engine.build(model, day, out(folder))) == [("a",)]
        made = contract(JsonLines(), *PAYMENTS, key=("id",))
        curated = engine.curate(raw(folder, made, b'{"id":"A"}\n'), out(folder))
        assert (curated.totals.records, data_of(curated)[0][0]) == (1, "A")

    def test_a_query_answers_by_column_and_says_when_it_was_cut(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        money = pa.array([Decimal("1.10"), None], pa.decimal128(18, 2))
        day = self.day(t=self.table(tmp_path, id=["a", "b"], amount=money))
        whole = engine.query("SELECT * FROM t ORDER BY id", day, limit=None)
        assert whole.columns == (("a", "b"), (Decimal("1.10"), None))
        assert whole.types == ("VARCHAR", "DECIMAL(18,2)")
        assert engine.query("SELECT id FROM t ORDER BY id", day, limit=1).truncated
        assert engine.query("SELECT id FROM t WHERE false", day, limit=1).columns == ((),)

    # Rules

    def offending(
        self, engine: Engine, folder: Path, rule: Rule
    ) -> tuple[int, Decimal | None, list[int], str]:
        money = pa.array(
            [Decimal("1.00"), Decimal("2.00"), Decimal("4.00"), None], pa.decimal128(18, 2)
        )
        at = [datetime(2026, 11, 20, h, tzinfo=UTC) for h in (12, 13, 14, 15)]
        data = self.table(
            folder,
            id=["a", "b", "b", None],
            amount=money,
            at=pa.array(at, pa.timestamp("us", "UTC")),
            _object=["o1"] * 4,
            _position=[4, 3, 2, 1],
        )
        day = self.day(d=data, other=self.table(folder, k=["a", None]))
        found = engine.offending(
            Check(id="c", dataset="d", rule=rule), ("amount",), day, out(folder)
        )
        if found.path and not found.observed:
            assert len(rows(found.path)) == found.rows
        assert [p.position for p in found.sample] == sorted(p.position for p in found.sample)
        return (
            found.rows,
            found.amounts.get("amount"),
            [p.position for p in found.sample],
            found.observed,
        )

    @pytest.mark.row("f42")
    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            (NotNull(columns=("id", "amount")), (1, "0", [1])),
            (Unique(columns=("id",)), (2, "6.00", [2, 3])),
            (AcceptedValues(column="id", values=("a",)), (2, "6.00", [2, 3])),
            (AcceptedValues(column="id", values=()), (3, "7.00", [2, 3, 4])),
            (Reference(column="id", dataset="other", to_column="k"), (2, "6.00", [2, 3])),
            (RowRule(expression="amount > 1 -- null is not true"), (2, "1.00", [1, 4])),
            (
                SqlRows(sql="SELECT _object, _position FROM d WHERE id = 'a'", file="checks/x.sql"),
                (1, "1.00", [4]),
            ),
            (SqlRows(sql="SELECT 1 WHERE :reference_date IS NULL", file="x"), (0, None, [])),
        ],
    )
    def test_a_rule_returns_its_offending_rows(
        self,
        engine: Engine,
        tmp_path: Path,
        rule: Rule,
        expected: tuple[int, str | None, list[int]],
    ) -> None:
        found = self.offending(engine, tmp_path, rule)
        wanted, money, at = expected
        amount = Decimal(money) if money is not None else None
        assert found == (wanted, amount, at, "")

    @pytest.mark.parametrize(("hours", "rows_"), [(24, 0), (15, 0), (14, 1)])
    def test_freshness_is_measured_to_the_end_of_the_reference_date(
        self, engine: Engine, tmp_path: Path, hours: int, rows_: int
    ) -> None:
        rule = Fresh(column="at", max_age=timedelta(hours=hours))
        found = self.offending(engine, tmp_path, rule)
        assert found[0] == rows_
        assert "2026-11-20T15:00:00" in found[3]

    @pytest.mark.row("f17")
    def test_a_value_of_the_future_is_not_fresh(self, engine: Engine, tmp_path: Path) -> None:
        at = [datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 21, 6, tzinfo=UTC)]
        data = self.table(tmp_path, at=pa.array(at, pa.timestamp("us", "UTC")))
        check = Check(id="c", dataset="d", rule=Fresh(column="at", max_age=timedelta(days=1)))
        assert engine.offending(check, (), self.day(d=data), out(tmp_path)).rows == 1

    def test_an_empty_dataset_is_not_fresh_and_breaks_no_row_rule(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        data = self.table(tmp_path, at=pa.array([], pa.timestamp("us", "UTC")))
        day = self.day(d=data)
        fresh = Check(id="c", dataset="d", rule=Fresh(column="at", max_age=timedelta(days=1)))
        found = engine.offending(fresh, (), day, out(tmp_path))
        assert (found.rows, "none" in found.observed) == (1, True)
        unique = Check(id="u", dataset="d", rule=Unique(columns=("at",)))
        assert engine.offending(unique, (), day, out(tmp_path)).rows == 0

    @pytest.mark.parametrize(
        ("query", "rows_"),
        [
            ("SELECT 7.00", 0),
            ("SELECT 7", 0),
            ("SELECT 7.01", 1),
            ("SELECT NULL::DECIMAL(18,2)", 1),
            ("SELECT 7 WHERE false", 1),
        ],
    )
    def test_sums_are_compared_exactly(
        self, engine: Engine, tmp_path: Path, query: str, rows_: int
    ) -> None:
        found = self.offending(engine, tmp_path, SumEquals(column="amount", query=query))
        assert found[0] == rows_
        assert "7.00" in found[3]

    @pytest.mark.row("f51")
    def test_a_sum_is_not_compared_with_a_float(self, engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(PermanentError) as caught:
            self.offending(engine, tmp_path, SumEquals(column="amount", query="SELECT 7::DOUBLE"))
        assert caught.value.code == "Q1005"

    # Totals

    def test_totals_leave_out_rows_by_place_and_match_the_test_vectors(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        money = pa.array([Decimal("1.50")] * 2 + [Decimal(9)], pa.decimal128(18, 2))
        file = self.table(
            tmp_path, k=["C1", "C1", "X"], m=money, _object=["o"] * 3, _position=[1, 2, 3]
        )
        left = self.table(tmp_path, _object=["o"], _position=[3])
        found = engine.totals((file,), ("k",), ("m",), algorithm="md5-60x2", without=(left,))
        assert (found.records, found.sums) == (2, {"m": Decimal("3.00")})
        assert found.key_digest == "177598956068173640:413601333488545104"

    @pytest.mark.row("f36", "f50")
    def test_a_digest_tells_swapped_values_and_moved_borders(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        for algorithm in ("md5-60x2", "duckdb-hash-3"):
            digests = {
                engine.totals(
                    (self.table(tmp_path, a=a, b=b),), ("a", "b"), (), algorithm=algorithm
                ).key_digest
                for a, b in (
                    (["ab", "x"], ["c", "y"]),
                    (["a", "x"], ["bc", "y"]),
                    (["ab", "x"], ["y", "c"]),
                    (["ab", None], ["c", "y"]),
                    (["ab", "-"], ["c", "y"]),
                    (["ab", "x", "x"], ["c", "y", "y"]),
                )
            }
            assert len(digests) == 6

    @pytest.mark.row("f36", "f50")
    def test_a_digest_tells_amounts_that_were_exchanged_whatever_their_hashes(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        """Of these two rows a plain sum of `hash(key, amount)` is the same after the exchange."""
        keys = ["p11871", "p4923"]
        amounts = [Decimal("8261.94"), Decimal("8395.21")]
        money = pa.decimal128(18, 2)
        files = [
            self.table(folder, k=keys, m=pa.array(some, money))
            for folder, some in zip(folders(tmp_path, 2), (amounts, amounts[::-1]), strict=True)
        ]
        plain = {
            duckdb.execute(f"SELECT sum(hash(k, m)) FROM read_parquet('{file}')").fetchone()
            for file in files
        }
        assert len(plain) == 1
        for algorithm in ("md5-60x2", "duckdb-hash-3"):
            found = [engine.totals((f,), ("k",), ("m",), algorithm=algorithm) for f in files]
            assert found[0].sums == found[1].sums
            assert found[0].key_digest != found[1].key_digest

    @pytest.mark.row("f36", "f50")
    @pytest.mark.parametrize(
        ("of", "values"),
        [
            (pa.decimal128(38, 2), ["0.00", "-0.01", "184467440737095516.17"]),
            (pa.decimal128(20, 0), ["18446744073709551618", "36893488147419103233"]),
            (pa.string(), ["0000000000000000", "0000000900000005"]),
            (pa.int64(), [None, -2930909409056394622]),
        ],
        ids=["128 bits", "halves exchanged", "16 bytes", "the hash of null"],
    )
    def test_a_digest_tells_values_that_are_one_to_the_hash_of_duckdb(
        self, engine: Engine, tmp_path: Path, of: pa.DataType, values: list[object]
    ) -> None:
        exact = [Decimal(str(v)) if pa.types.is_decimal(of) else v for v in values]
        files = [
            self.table(folder, k=pa.array([value], of))
            for folder, value in zip(folders(tmp_path, len(exact)), exact, strict=True)
        ]
        naive = {
            duckdb.execute(f"SELECT hash(k) FROM read_parquet('{f}')").fetchone() for f in files
        }
        assert len(naive) == 1, "DuckDB's hash became better: this asks for nothing any more"
        for algorithm in ("md5-60x2", "duckdb-hash-3"):
            found = {engine.totals((f,), ("k",), (), algorithm=algorithm).key_digest for f in files}
            assert len(found) == len(files), algorithm

    @pytest.mark.row("f36", "f50")
    def test_sequential_keys_have_a_digest_each(self, engine: Engine, tmp_path: Path) -> None:
        """30 days of 1,000 folios: hundreds of them are one to DuckDB's hash."""
        days = [f"202611{day:02}" for day in range(1, 31)]
        keys = [f"{day}{number:08}" for day in days for number in range(1_000)]
        file = self.table(tmp_path, k=keys)
        fast = fast_sql(("k",), {"k": "VARCHAR"})
        asked = (
            f"SELECT count(DISTINCT hash(k)), count(DISTINCT {fast}) FROM read_parquet('{file}')"
        )
        ((naive, ours),) = duckdb.execute(asked).fetchall()
        assert naive < ours == 30_000

    @pytest.mark.parametrize("length", [8, 9, 12, 13, 16, 24])
    def test_texts_that_differ_in_any_two_bytes_have_a_digest_each(self, length: int) -> None:
        fast = fast_sql(("k",), {"k": "VARCHAR"})
        letters = ["'0'"] * length
        for one in range(length):
            for two in range(one + 1, length):
                text = [*letters]
                text[one], text[two] = "chr(a.n::INTEGER)", "chr(b.n::INTEGER)"
                rows = f"SELECT {' || '.join(text)} AS k FROM range(1, 64) a(n), range(1, 64) b(n)"
                asked = f"SELECT count(*) - count(DISTINCT {fast}) FROM ({rows})"
                assert duckdb.execute(asked).fetchone() == (0,), (one, two)

    def test_a_digest_of_two_scales_is_taken_for_the_type_that_both_have(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        kinds = {"m": ColumnType(kind=Kind.DECIMAL, precision=38, scale=4)}
        some = [Decimal("1.50"), Decimal("-2.00")]
        files = [
            self.table(folder, k=["a", "b"], m=pa.array(values, pa.decimal128(*of)))
            for folder, values, of in zip(
                folders(tmp_path, 3),
                (some, some, some[::-1]),
                ((18, 2), (20, 4), (20, 4)),
                strict=True,
            )
        ]
        one, same, other = (
            engine.totals((f,), ("k", "m"), (), algorithm="md5-60x2", types=kinds).key_digest
            for f in files
        )
        assert one == same != other

    def test_a_text_is_digested_as_the_number_that_the_other_side_has(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        """007 is 7, and a null is a null on both."""
        kinds = {"m": ColumnType(kind=Kind.DECIMAL, precision=38, scale=2)}
        files = [
            self.table(folder, k=["a", "b", "c"], m=values)
            for folder, values in zip(
                folders(tmp_path, 3),
                (
                    pa.array(["007", "-1.50", None], pa.string()),
                    pa.array([Decimal("7"), Decimal("-1.5"), None], pa.decimal128(9, 1)),
                    pa.array([Decimal("-1.5"), Decimal("7"), None], pa.decimal128(9, 1)),
                ),
                strict=True,
            )
        ]
        text, number, exchanged = (
            engine.totals((f,), ("k", "m"), (), algorithm="md5-60x2", types=kinds).key_digest
            for f in files
        )
        assert text == number != exchanged

    def test_a_text_that_is_no_number_exactly_is_found_on_every_engine(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        some = ["12", "0012", "+5", "-1.50", "1.000", "1.505", " 1", "1\n", "", "1e3", "-", "٣"]
        file = self.table(tmp_path, t=pa.array([*some, "9" * 37, None], pa.string()))
        day = replace(self.day(), tables={"rows": (file,)})
        kind = ColumnType(kind=Kind.DECIMAL, precision=38, scale=2)
        asked = f"SELECT t FROM rows WHERE {no_number('t', kind)} ORDER BY t"
        (found,) = engine.query(asked, day, limit=None).columns
        assert set(found) == {"1.505", " 1", "1\n", "", "1e3", "-", "٣", "9" * 37}

    def test_totals_of_no_file_are_zero(self, engine: Engine) -> None:
        found = engine.totals((), ("k",), ("m",), algorithm="duckdb-hash-3")
        assert (found.records, found.sums, found.key_digest) == (0, {"m": Decimal(0)}, "0")


class TestDuckDBInSlices(EngineSuite):
    """Every text object is a large one, parsed slice by slice."""

    @pytest.fixture
    def engine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckDBEngine:
        monkeypatch.setattr(lines, "SLICE", 16)
        return DuckDBEngine(threads=2, temporary=str(tmp_path))


class TestDuckDB(EngineSuite):
    @pytest.fixture
    def engine(self, tmp_path: Path) -> DuckDBEngine:
        return DuckDBEngine(threads=2, temporary=str(tmp_path))

    def test_of_a_part_that_cannot_be_read_nothing_lies_about_and_the_others_are_kept(
        self, tmp_path: Path
    ) -> None:
        made = contract(Parquet(), column("id", required=True))
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"id": ["A", "B"]}), sink)
        good = sink.getvalue().to_pybytes()
        day = raw(tmp_path, made, good, b"no Parquet", good)
        engine = DuckDBEngine(temporary=str(tmp_path))
        for _ in range(3):
            with pytest.raises(PermanentError) as caught:
                engine.count(day)
            assert caught.value.code == "T3002"
            assert len([*tmp_path.glob(".staged-*/*.parquet")]) == 2
        Path(day.parts[1].uri).write_bytes(good)
        assert engine.count(day).records == 6
        engine.close()
        assert not [*tmp_path.glob(".staged-*")]

    @pytest.mark.row("f51")
    def test_pieces_are_the_day_whatever_the_threads(self, tmp_path: Path) -> None:
        made = contract(JsonLines(), *PAYMENTS, key=("id",), measures=MEASURES)
        lines = [f'{{"id":"{i % 37}","amount":"{i}.50","note":"n{i}"}}' for i in range(90)]
        files = ["\n".join(lines[a:b]).encode() for a, b in ((0, 50), (50, 53), (53, 90))]
        day = raw(tmp_path, made, *files)
        whole = DuckDBEngine(temporary=str(tmp_path)).curate(day, out(tmp_path))
        assert len(whole.files) == 1
        digests = set()
        for threads in (1, 2, 4):
            engine = DuckDBEngine(
                threads=threads, memory_limit="2GB", temporary=str(tmp_path), piece=10
            )
            cut = engine.curate(day, out(tmp_path, str(threads)))
            assert len(cut.files) == 9
            assert data_of(cut) == data_of(whole)
            assert (cut.totals, cut.set_aside) == (whole.totals, whole.set_aside)
            assert [f.records for f in cut.files] == [len(rows(f.path)) for f in cut.files]
            digests.add(
                tuple(hashlib.sha256(Path(f.path).read_bytes()).hexdigest() for f in cut.files)
            )
        assert len(digests) == 1

    def test_a_row_group_is_taken_into_a_table_whole(self, tmp_path: Path) -> None:
        """A table's row group has 122,880 rows; vectors are not full where rows were dropped."""
        made = contract(JsonLines(), *PAYMENTS, key=("id",))
        lines = b"".join(b'{"id":"%d"}\n' % (i % 126_000) for i in range(130_000))
        curated = DuckDBEngine(temporary=str(tmp_path)).curate(
            raw(tmp_path, made, lines), out(tmp_path)
        )
        (file,) = curated.files
        found = pq.ParquetFile(file.path).metadata
        groups = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
        assert sum(groups) == file.records == 126_000
        assert max(groups) <= 122_880

    @pytest.mark.parametrize(
        ("sql", "files"),
        [
            ("SELECT e.id, name, _object, _position FROM e LEFT JOIN n ON n.id = e.id", 3),
            ("SELECT e.id, name, _object, _position FROM n RIGHT JOIN e ON n.id = e.id", 1),
        ],
    )
    def test_a_model_that_carries_a_source_has_a_file_for_each_of_its_where_it_can(
        self, tmp_path: Path, sql: str, files: int
    ) -> None:
        source = []
        for number, ids in enumerate((["a", "b"], ["c"], ["d", "z"])):
            (tmp_path / str(number)).mkdir()
            source.append(
                self.table(
                    tmp_path / str(number),
                    id=ids,
                    _object=["0" * 12] * len(ids),
                    _position=[10 * number + i for i in range(len(ids))],
                )
            )
        (tmp_path / "n").mkdir()
        names = self.table(tmp_path / "n", id=["d", "c", "b", "a"], name=["D", "C", "B", "A"])
        day = replace(self.day(), tables={"e": tuple(source), "n": (names,)})
        model = Model(name="m", file="m.sql", sql=sql, inputs=("e", "n"), carries="e")
        digests = set()
        for threads in (1, 4):
            engine = DuckDBEngine(threads=threads, memory_limit="2GB", temporary=str(tmp_path))
            built = engine.build(model, day, out(tmp_path))
            assert sorted(row[:2] for row in data_of(built)) == [
                ("a", "A"),
                ("b", "B"),
                ("c", "C"),
                ("d", "D"),
                ("z", None),
            ]
            digests.add(
                tuple(hashlib.sha256(Path(f.path).read_bytes()).hexdigest() for f in built.files)
            )
            assert (len(built.files), built.totals.records) == (files, 5)
        assert len(digests) == 1

    def test_a_carried_model_that_loses_a_row_is_still_built(self, tmp_path: Path) -> None:
        source = []
        for number in (1, 2):
            (tmp_path / str(number)).mkdir()
            ids = [f"{number}a", f"{number}b"]
            source.append(
                self.table(
                    tmp_path / str(number),
                    id=ids,
                    _object=["0" * 12] * 2,
                    _position=[number * 2, number * 2 + 1],
                )
            )
        day = replace(self.day(), tables={"e": tuple(source)})
        sql = "SELECT * FROM e WHERE id <> '2b'"
        model = Model(name="m", file="m.sql", sql=sql, inputs=("e",), carries="e")
        built = DuckDBEngine(temporary=str(tmp_path)).build(model, day, out(tmp_path))
        assert [row[0] for row in data_of(built)] == ["1a", "1b", "2a"]

    @pytest.mark.row("f10", "h5")
    def test_running_out_of_memory_names_the_limit(self, tmp_path: Path) -> None:
        engine = DuckDBEngine(
            memory_limit="20MB", threads=1, temporary=str(tmp_path), temporary_limit="1MB"
        )
        day = Day(reference_date=DAY, zone="UTC", tables={})
        sql = "SELECT max(len(l)) FROM (SELECT list(i) AS l FROM range(50000000) t(i))"
        with pytest.raises(PermanentError) as caught:
            engine.query(sql, day, limit=1)
        assert caught.value.code == "T3001"
        assert "20MB" in caught.value.expected


PIECES = st.sampled_from(
    [
        b'{"id":"A","amount":"1.00"}',
        b'{"id":"A","amount":2}',
        b'{"id":"B","amount":1.5}',
        b'{"id":"C","amount":1234567890123456.78}',
        b'{"id":"D","on":"2026-11-19"}',
        b'{"id":"E","on":"2026-11-21"}',
        b'{"id":null}',
        b'{"id":"F","amount":"x"}',
        b"A,1.00,2026-11-20",
        b'B,"2,5",2026-11-20',
        b'C,"a',
        b"D,1,2026-11-19",
        b"\xff,1,",
        b"",
        b"\r",
        b"\0",
        b'"\n"',
    ]
)


@pytest.mark.row("f51")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    files=st.lists(st.lists(PIECES, max_size=12), max_size=3),
    form=st.sampled_from([JsonLines(), Csv(header=False), Csv(multiline=True, header=False)]),
    ended=st.booleans(),
)
def test_every_landed_record_is_accounted_for_and_threads_change_no_byte_nor_slices_a_row(
    tmp_path: Path, files: list[list[bytes]], form: Format, ended: bool
) -> None:
    made = contract(
        form,
        column("id", required=True),
        column("amount", MONEY),
        column("on", ColumnType(kind=Kind.DATE)),
        key=("id",),
        measures=MEASURES,
    )
    day = raw(tmp_path, made, *(b"\n".join(f) + (b"\n" if ended else b"") for f in files))
    found = set()
    for size in (lines.SLICE, 30):
        digests = set()
        for threads in (1, 2):
            engine = DuckDBEngine(threads=threads, temporary=str(tmp_path))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(lines, "SLICE", size)
                curated = engine.curate(day, out(tmp_path))
                landed = engine.count(day)
            gone = sum(t.records for t in curated.set_aside.values())
            assert landed.records == curated.totals.records + gone
            paths = (*(f.path for f in curated.files), curated.set_aside_path)
            digests.add(tuple(hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in paths))
        assert len(digests) == 1
        rows = [pq.read_table(p).to_pylist() for p in paths]
        found.add(repr((rows, landed, curated.totals, curated.set_aside, curated.conflicts)))
    assert len(found) == 1

"""One suite for every warehouse: subclass it with a `warehouse` and an `order` fixture."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from puntual.checks.encoding import digest
from puntual.errors import EvidenceError, PermanentError, ProjectError
from puntual.model.contract import ColumnType, Kind
from puntual.model.manifest import Totals
from puntual.ports.engine import Answer
from puntual.ports.warehouse import LoadOrder, Warehouse

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
M1, M2 = "1" * 64, "2" * 64

ROWS = """
SELECT
  event_id::VARCHAR AS event_id, note::VARCHAR AS note, amount::DECIMAL(18,2) AS amount,
  seen::TIMESTAMPTZ AS seen, flag::BOOLEAN AS flag, n::BIGINT AS n, d::DATE AS d,
  _object::VARCHAR AS _object, _position::BIGINT AS _position
FROM (VALUES
  ('E1', 'ñandú, "x"',  '-0.05',               '2026-11-20 16:12:13.123456Z', true,  1,
   '2026-11-20', '0a1b2c3d4e5f', 1),
  ('E2', '',            '1234567890123456.78', '2026-11-20 00:00:00Z',        false, NULL,
   NULL,         '0a1b2c3d4e5f', 2),
  ('E3', NULL,          '0.00',                NULL,                          NULL,  -7,
   '2024-02-29', '0a1b2c3d4e5f', 3),
  ('E4', E'two\\nlines', NULL,                 '1999-12-31 23:59:59.999999Z', true,  0,
   '2026-11-20', 'ffffffffffff', 1),
  ('E5', 'Zebra',       '10.00',               NULL,                          true,  5,
   NULL,         'ffffffffffff', 2)
) AS t (event_id, note, amount, seen, flag, n, d, _object, _position)
"""
SUM = Decimal("1234567890123466.73")


def parquet(path: Path, sql: str = ROWS) -> str:
    duckdb.execute(f"COPY ({sql}) TO '{path}'")
    return str(path)


def small(order: LoadOrder, path: Path, sql: str, **more: object) -> LoadOrder:
    """The same order with the one row of another SELECT, under another manifest."""
    given = {
        "files": (parquet(path, sql),),
        "expected": Totals(records=1),
        "measures": (),
        "manifest": M2,
    }
    return replace(order, **(given | more))  # type: ignore[arg-type]


def of_rows(*encodings: str) -> Totals:
    """Count and digest of rows by their encodings, in Python (docs/reference/digest.md)."""
    halves = [digest(encoding) for encoding in encodings]
    high, low = (sum(half) for half in zip(*halves, strict=True))
    return Totals(records=len(halves), key_digest=f"{high}:{low}", algorithm="md5-60x2")


class WarehouseSuite:
    """Every promise of Warehouse; subclass it with a `warehouse` fixture."""

    @pytest.fixture
    def order(self, tmp_path: Path) -> LoadOrder:
        return LoadOrder(
            table="events",
            reference_date=FRIDAY,
            files=(parquet(tmp_path / "rows.parquet"),),
            without=(),
            measures=("amount",),
            expected=Totals(records=5, sums={"amount": SUM}),
            manifest=M1,
            epoch=3,
        )

    def test_the_day_is_loaded_and_the_log_says_from_which_manifest(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        assert warehouse.loaded("events", FRIDAY) is None
        assert warehouse.load(order)
        assert warehouse.loaded("events", FRIDAY) == M1
        assert warehouse.loaded("events", MONDAY) is None

    def test_loading_the_same_manifest_again_does_nothing(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        assert warehouse.load(order)
        assert not warehouse.load(replace(order, epoch=4))
        assert warehouse.totals("events", FRIDAY, (), ()).records == 5

    def test_what_is_ordered_anew_is_loaded_again(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        """As after somebody altered the table: the log alone would say that all is well."""
        assert warehouse.load(order)
        assert warehouse.load(replace(order, anew=True))
        assert warehouse.loaded(order.table, order.reference_date) == order.manifest

    def test_the_days_rows_replace_the_days_rows_and_no_other_day_moves(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        warehouse.load(order)
        warehouse.load(replace(order, reference_date=MONDAY))
        sql = f"SELECT * FROM ({ROWS}) WHERE event_id = 'E5'"
        assert warehouse.load(
            small(
                order,
                tmp_path / "b.parquet",
                sql,
                measures=("amount",),
                expected=Totals(records=1, sums={"amount": Decimal("10.00")}),
            )
        )
        friday = warehouse.totals("events", FRIDAY, (), ("amount",))
        assert (friday.records, friday.sums) == (1, {"amount": Decimal("10.00")})
        assert warehouse.totals("events", MONDAY, (), ("amount",)).sums == {"amount": SUM}

    @pytest.mark.row("f50")
    @pytest.mark.parametrize(
        "expected",
        [
            Totals(records=6, sums={"amount": SUM}),
            Totals(records=5, sums={"amount": SUM + Decimal("0.01")}),
            Totals(records=5),  # a sum that was not measured has not passed
        ],
    )
    def test_f50_what_does_not_add_up_is_rolled_back(
        self, warehouse: Warehouse, order: LoadOrder, expected: Totals
    ) -> None:
        warehouse.load(order)
        with pytest.raises(EvidenceError, match="R4001"):
            warehouse.load(replace(order, expected=expected, manifest=M2))
        assert warehouse.loaded("events", FRIDAY) == M1
        assert warehouse.totals("events", FRIDAY, (), ("amount",)).sums == {"amount": SUM}

    def test_a_first_load_that_does_not_add_up_leaves_nothing(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        with pytest.raises(EvidenceError, match="R4001") as caught:
            warehouse.load(replace(order, expected=Totals(records=4, sums={"amount": SUM})))
        assert caught.value.expected == f"4 records, amount {SUM}"
        assert caught.value.observed == f"5 records, amount {SUM}"
        assert warehouse.loaded("events", FRIDAY) is None
        assert warehouse.totals("events", FRIDAY, (), ()).records == 0

    def test_rows_that_were_set_aside_are_not_loaded(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        without = (
            parquet(tmp_path / "w1.parquet", "SELECT '0a1b2c3d4e5f' _object, 2::BIGINT _position"),
            parquet(
                tmp_path / "w2.parquet",
                "SELECT * FROM (VALUES ('ffffffffffff', 1::BIGINT), ('ffffffffffff', 9)) "
                "AS t (_object, _position)",
            ),
        )
        expected = Totals(records=3, sums={"amount": Decimal("9.95")})
        warehouse.load(replace(order, without=without, expected=expected))
        answer = warehouse.query("SELECT event_id FROM events ORDER BY 1", {}, limit=None)
        assert answer.columns == (("E1", "E3", "E5"),)

    @pytest.mark.row("f48")
    def test_f48_a_missing_file_fails_and_never_gives_fewer_rows(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        with pytest.raises(PermanentError, match="T4002"):
            warehouse.load(replace(order, files=(*order.files, str(tmp_path / "gone.parquet"))))
        assert warehouse.loaded("events", FRIDAY) is None

    def test_several_files_are_one_day(self, warehouse: Warehouse, order: LoadOrder) -> None:
        expected = Totals(records=10, sums={"amount": 2 * SUM})
        assert warehouse.load(replace(order, files=order.files * 2, expected=expected))

    def test_a_files_folders_give_the_table_no_columns(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        folder = tmp_path / "reference_date=2026-11-20" / "build=0a1b"
        folder.mkdir(parents=True)
        where = "SELECT '0a1b2c3d4e5f' AS _object, 2::BIGINT AS _position"
        stored = replace(
            order,
            files=(parquet(folder / "x.parquet"),),
            without=(parquet(folder / "w.parquet", where),),
            expected=Totals(records=4, sums={"amount": Decimal("9.95")}),
        )
        assert warehouse.load(stored)
        names = warehouse.query("SELECT * FROM events", {}, limit=1).names
        assert (names[0], names[-1], "build" in names) == ("reference_date", "_position", False)

    def test_an_empty_day_replaces_a_full_one(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        warehouse.load(order)
        none = small(
            order,
            tmp_path / "none.parquet",
            f"SELECT * FROM ({ROWS}) WHERE false",
            measures=("amount",),
            expected=Totals(records=0, sums={"amount": Decimal(0)}),
        )
        assert warehouse.load(none)
        assert warehouse.totals("events", FRIDAY, ("event_id",), ("amount",)).key_digest == "0"

    @pytest.mark.row("f27")
    def test_f27_a_loader_that_lost_its_lease_is_refused(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        warehouse.load(order)
        with pytest.raises(PermanentError, match="T4001"):
            warehouse.load(replace(order, manifest=M2, epoch=2))
        assert warehouse.loaded("events", FRIDAY) == M1

    def test_a_new_column_widens_the_table(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        warehouse.load(order)
        wider = small(
            order,
            tmp_path / "wide.parquet",
            "SELECT 'E9' AS event_id, 1.5::DECIMAL(9,3) AS rate",
            reference_date=MONDAY,
        )
        assert warehouse.load(wider)
        answer = warehouse.query(
            "SELECT event_id, rate, note FROM events WHERE event_id IN ('E2', 'E9') ORDER BY 1",
            {},
            limit=None,
        )
        assert answer.columns == (("E2", "E9"), (None, Decimal("1.500")), ("", None))

    @pytest.mark.row("f40")
    def test_f40_a_column_that_changes_its_type_is_refused_with_both(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        warehouse.load(order)
        changed = small(order, tmp_path / "c.parquet", "SELECT 1::DECIMAL(18,4) AS amount")
        with pytest.raises(PermanentError, match="T4002") as caught:
            warehouse.load(changed)
        assert "DECIMAL(18,2)" in caught.value.expected
        assert "DECIMAL(18,4)" in caught.value.observed
        assert warehouse.totals("events", FRIDAY, (), ()).records == 5

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT 1.5::DOUBLE AS amount",
            "SELECT [1] AS list",
            'SELECT 1 AS "Amount; DROP TABLE events"',
            "SELECT DATE '2026-11-20' AS reference_date",
        ],
    )
    def test_a_column_that_is_not_exact_or_has_no_name_is_refused(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path, sql: str
    ) -> None:
        with pytest.raises(PermanentError, match="T4002"):
            warehouse.load(small(order, tmp_path / "bad.parquet", sql))

    def test_totals_of_what_was_never_loaded_are_zero(self, warehouse: Warehouse) -> None:
        assert warehouse.totals("nothing", FRIDAY, (), ("amount",)) == Totals(
            records=0, sums={"amount": Decimal(0)}
        )

    def test_a_digest_sees_a_row_that_changed_its_money_for_anothers(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        warehouse.load(order)
        before = warehouse.totals("events", FRIDAY, ("event_id",), ("amount",))
        swapped = (
            f"SELECT * REPLACE (CASE event_id WHEN 'E3' THEN 10.00 WHEN 'E5' THEN 0.00 "
            f"ELSE amount END::DECIMAL(18,2) AS amount) FROM ({ROWS})"
        )
        warehouse.load(
            replace(order, files=(parquet(tmp_path / "s.parquet", swapped),), manifest=M2)
        )
        after = warehouse.totals("events", FRIDAY, ("event_id",), ("amount",))
        assert (after.records, after.sums) == (before.records, before.sums)
        assert after.key_digest != before.key_digest
        assert after.algorithm == warehouse.digest_algorithm

    def test_a_digest_of_another_scale_is_that_of_the_values_and_its_statement_says_the_same(
        self, warehouse: Warehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        """Amounts of DECIMAL(18,2), DECIMAL(20,4) and BIGINT, written for decimals of 4 and 0."""
        key = ("k", "amount", "n")
        values = "VALUES ('a', 1.50, 7), ('b', -2.00, 0), ('c', NULL, NULL)"
        totals = {}
        for table, kind in (("narrow", "DECIMAL(18,2)"), ("wide", "DECIMAL(20,4)")):
            sql = (
                f"SELECT k::VARCHAR AS k, amount::{kind} AS amount, n::BIGINT AS n "
                f"FROM ({values}) AS t (k, amount, n)"
            )
            path = tmp_path / f"{table}.parquet"
            warehouse.load(small(order, path, sql, table=table, expected=Totals(records=3)))
            for scale in (0, 4):
                number = ColumnType(kind=Kind.DECIMAL, precision=38, scale=scale)
                types = {"amount": number, "n": number}
                totals[table, scale] = warehouse.totals(table, FRIDAY, key, (), types=types)
                query = warehouse.digest_query(table, FRIDAY, key, types=types)
                assert "SELECT count(*)" in query.replace("COUNT", "count")
                assert table in query
        whole = of_rows("t1:an1.5;n7;", "t1:bn-2;n0;", "t1:cn;n;")
        assert totals["narrow", 0] == totals["wide", 0] == whole
        exact = of_rows("t1:an1.5000;n7.0000;", "t1:bn-2.0000;n0.0000;", "t1:cn;n;")
        assert totals["narrow", 4] == totals["wide", 4] == exact
        assert warehouse.columns("wide")["amount"] == "DECIMAL(20,4)"
        assert warehouse.digest_query("nothing", FRIDAY, key) == ""
        assert not warehouse.columns("nothing")

    def test_a_column_that_cannot_be_read_as_it_is_asked_is_refused(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        warehouse.load(order)
        number = {"note": ColumnType(kind=Kind.DECIMAL, precision=38, scale=2)}
        with pytest.raises(ProjectError, match="R6001"):
            warehouse.totals("events", FRIDAY, ("note",), (), types=number)
        with pytest.raises(ProjectError, match="R6001"):
            warehouse.digest_query("events", FRIDAY, ("note",), types=number)

    def test_values_come_back_exactly_and_in_duckdbs_words(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        warehouse.load(order)
        answer = warehouse.query(
            "SELECT event_id, note, amount, seen, flag, n, d FROM events "
            "WHERE reference_date = :reference_date ORDER BY event_id",
            {"reference_date": FRIDAY},
            limit=None,
        )
        assert answer == Answer(
            names=("event_id", "note", "amount", "seen", "flag", "n", "d"),
            types=(
                "VARCHAR",
                "VARCHAR",
                "DECIMAL(18,2)",
                "TIMESTAMP WITH TIME ZONE",
                "BOOLEAN",
                "BIGINT",
                "DATE",
            ),
            columns=(
                ("E1", "E2", "E3", "E4", "E5"),
                ('ñandú, "x"', "", None, "two\nlines", "Zebra"),
                (
                    Decimal("-0.05"),
                    Decimal("1234567890123456.78"),
                    Decimal("0.00"),
                    None,
                    Decimal("10.00"),
                ),
                (
                    datetime(2026, 11, 20, 16, 12, 13, 123456, tzinfo=UTC),
                    datetime(2026, 11, 20, tzinfo=UTC),
                    None,
                    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
                    None,
                ),
                (True, False, None, True, True),
                (1, None, -7, 0, 5),
                (FRIDAY, None, date(2024, 2, 29), FRIDAY, None),
            ),
        )
        assert str(answer.columns[2][2]) == "0.00"

    @pytest.mark.row("f52")
    @pytest.mark.parametrize(
        ("sql", "types", "columns"),
        [
            (
                "SELECT note FROM events ORDER BY note",
                ("VARCHAR",),
                (("", "Zebra", "two\nlines", 'ñandú, "x"', None),),
            ),
            (
                "SELECT n FROM events ORDER BY n DESC",
                ("BIGINT",),
                ((5, 1, 0, -7, None),),
            ),
            (
                "SELECT count(*) AS rows, sum(n) AS n, sum(amount) AS a, min(d) AS d FROM events",
                ("BIGINT", "HUGEINT", "DECIMAL(38,2)", "DATE"),
                ((5,), (-1,), (SUM,), (date(2024, 2, 29),)),
            ),
            (
                "SELECT flag, sum(CASE WHEN amount < 0 THEN amount ELSE 0 END) AS refunds "
                "FROM events GROUP BY flag ORDER BY flag",
                ("BOOLEAN", "DECIMAL(38,2)"),
                ((False, True, None), (Decimal("0.00"), Decimal("-0.05"), Decimal("0.00"))),
            ),
            (
                "SELECT sum(amount) AS a, sum(n) AS n FROM events WHERE false",
                ("DECIMAL(38,2)", "HUGEINT"),
                ((None,), (None,)),
            ),
            (
                "WITH f AS (SELECT upper(note) AS u FROM events WHERE event_id IN ('E1', 'E5')) "
                "SELECT u FROM f ORDER BY u",
                ("VARCHAR",),
                (("ZEBRA", 'ÑANDÚ, "X"'),),
            ),
            (
                "SELECT amount * 2 AS a FROM events WHERE note LIKE '%x%' AND n = :n",
                ("DECIMAL(18,2)",),
                ((Decimal("-0.10"),),),
            ),
        ],
    )
    def test_f52_every_warehouse_gives_the_same_answer(
        self,
        warehouse: Warehouse,
        order: LoadOrder,
        sql: str,
        types: tuple[str, ...],
        columns: tuple[tuple[object, ...], ...],
    ) -> None:
        warehouse.load(order)
        answer = warehouse.query(sql, {"n": 1}, limit=None)
        assert answer.columns == columns
        assert answer.types == types

    def test_an_answer_that_was_cut_says_so(self, warehouse: Warehouse, order: LoadOrder) -> None:
        warehouse.load(order)
        cut = warehouse.query("SELECT event_id FROM events ORDER BY 1", {}, limit=2)
        assert (cut.columns, cut.truncated) == ((("E1", "E2"),), True)
        assert not warehouse.query("SELECT event_id FROM events", {}, limit=5).truncated

    @pytest.mark.parametrize(
        "sql",
        [
            "DELETE FROM events",
            "SELECT 1; DELETE FROM events",
            "DROP TABLE events",
            "SELECT nothing FROM events",
            "SELECT * FROM nowhere",
            "SELECT content FROM read_text('/etc/passwd')",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT missing_parameter FROM events WHERE event_id = :no",
            "SELEC",
        ],
    )
    def test_a_query_reads_and_does_nothing_else(
        self, warehouse: Warehouse, order: LoadOrder, sql: str
    ) -> None:
        warehouse.load(order)
        with pytest.raises((PermanentError, ProjectError), match=r"Q1001|Q1003"):
            warehouse.query(sql, {}, limit=None)
        assert warehouse.totals("events", FRIDAY, (), ()).records == 5

    def test_a_value_that_does_not_fit_is_not_shown_in_the_error(
        self, warehouse: Warehouse, order: LoadOrder
    ) -> None:
        warehouse.load(order)
        with pytest.raises(PermanentError, match="Q1001") as caught:
            warehouse.query("SELECT CAST(note AS INTEGER) AS n FROM events", {}, limit=None)
        assert "ñandú" not in f"{caught.value} {caught.value.observed}"

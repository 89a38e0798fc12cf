"""Each known fault, planted in real rows: who sees it is measured by the day's own comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from puntual.checks.planted import observers
from puntual.checks.reconcile import hop
from puntual.checks.seen import judge, sentence
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.model.check import OnFail, Severity
from puntual.model.control import (
    Asked,
    ControlKind,
    ControlMeasure,
    ControlRule,
    Hop,
    MeasureKind,
    QuerySide,
    Refers,
    Stage,
    StagedSide,
    Term,
)
from puntual.model.finding import Finding
from puntual.model.manifest import Totals
from puntual.model.planted import Fault, Groups, Planted, PlantedFault, Sample

DAY = date(2026, 3, 2)
COLUMNS = {"id": "VARCHAR", "amount": "DECIMAL(18,2)", "kind": "VARCHAR"}


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Rows p1 10.00, p2 -2.50, p3 0.00."""
    path = tmp_path_factory.mktemp("rows") / "payments.parquet"
    amounts = pa.array([Decimal("10.00"), Decimal("-2.50"), Decimal("0.00")], pa.decimal128(18, 2))
    pq.write_table(
        pa.table({"id": ["p1", "p2", "p3"], "amount": amounts, "kind": list("abc")}), path
    )
    return str(path)


def to_warehouse(*, sums: Sequence[str] = ("amount",), digest: bool = True) -> Hop:
    sides = Totals(
        records=3,
        sums=dict.fromkeys(sums, Decimal("7.50")),
        key_digest="1" if digest else "",
        algorithm="duckdb-hash-3" if digest else "",
    )
    keyed = ("id", *sums) if digest else ()
    return hop("payments", "curated", "warehouse", sides, sides, digested=keyed)


def staged(*asked: Asked, where: str = "", by: tuple[str, ...] = ()) -> Term:
    side = StagedSide(stage=Stage.WAREHOUSE, dataset="payments")
    return Term(side=side, asked=asked, where=where, by=by)


def query(sql: str) -> Term:
    return Term(side=QuerySide(sql=sql), asked=(Asked(kind=MeasureKind.VALUE),))


def control(left: Term, right: Term, tolerance: str = "0") -> ControlRule:
    measures = tuple(
        ControlMeasure(name=a.kind.value, kind=a.kind, tolerance=Decimal(tolerance))
        for a in left.asked
    )
    return ControlRule(
        id="tie", kind=ControlKind.BUSINESS, left=(left,), right=(right,), measures=measures
    )


def planted(
    file: str, hops: Sequence[Hop], controls: Sequence[ControlRule] = ()
) -> tuple[dict[Fault, PlantedFault], tuple[Finding, ...]]:
    found = observers(
        hops,
        controls,
        tables=lambda sql: ("payments",) if "payments" in sql else (),
        money=lambda dataset: ("amount",),
    )
    sample = Sample(
        name="payments",
        dataset="payments",
        file=file,
        columns=COLUMNS,
        money=("amount",),
        text=("id",),
    )
    looks = tuple(look for observer in found for look in observer.looks)
    with closing(DuckDBEngine()) as engine:
        answer = engine.plant((sample,), looks, day=DAY, zone="UTC")
    results, findings = judge(found, answer, way=lambda dataset: dataset)
    return {r.fault: r for r in results}, findings


def unseen(results: dict[Fault, PlantedFault]) -> set[Fault]:
    return {fault for fault, result in results.items() if result.applies and not result.seen_by}


def test_a_hop_with_count_sums_and_keys_sees_every_fault(payments: str) -> None:
    results, findings = planted(payments, [to_warehouse()])
    assert all(r.seen_by == ("payments: curated → warehouse",) for r in results.values())
    assert findings == ()
    assert sentence(tuple(results.values())) == "6 planted faults in 1 dataset: all seen"


def test_a_hop_that_only_counts_is_told_what_it_is_blind_to(payments: str) -> None:
    results, findings = planted(payments, [to_warehouse(sums=(), digest=False)])
    assert unseen(results) == set(Fault) - {Fault.LOST_ROW, Fault.DOUBLED_ROW}
    (finding,) = findings
    assert (finding.code, finding.severity, finding.on_fail) == (
        "R5001",
        Severity.WARN,
        OnFail.FLAG,
    )
    assert "a changed cent (amount)" in finding.message
    assert "missed: payments a changed cent" in sentence(tuple(results.values()))


def test_a_hop_of_sums_does_not_see_a_swapped_pair_nor_a_null_for_an_empty_text(
    payments: str,
) -> None:
    results, _ = planted(payments, [to_warehouse(digest=False)])
    assert unseen(results) == {Fault.SWAPPED_PAIR, Fault.NULL_FOR_EMPTY}


@pytest.mark.parametrize(
    ("asked", "blind"),
    [
        (Asked(kind=MeasureKind.COUNT), {"changed_cent", "flipped_sign", "swapped_pair"}),
        (Asked(kind=MeasureKind.SUM, columns=("amount",)), {"swapped_pair"}),
        (Asked(kind=MeasureKind.SUM_POSITIVE, columns=("amount",)), {"swapped_pair"}),
        (
            Asked(kind=MeasureKind.COUNT_NEGATIVE, columns=("amount",)),
            {"changed_cent", "swapped_pair", "lost_row", "doubled_row"},
        ),
        (Asked(kind=MeasureKind.DIGEST, columns=("id", "amount")), set()),
    ],
)
def test_what_a_control_sees_is_what_its_measure_measures(
    payments: str, asked: Asked, blind: set[str]
) -> None:
    other = Term(side=StagedSide(stage=Stage.CURATED, dataset="elsewhere"), asked=(asked,))
    results, findings = planted(payments, [], [control(staged(asked), other)])
    apart_from_texts = {f for f in unseen(results) if f is not Fault.NULL_FOR_EMPTY}
    assert apart_from_texts == {Fault(b) for b in blind}
    assert [f.code for f in findings if f.code == "R5002"] == []


def test_a_query_that_only_counts_is_blind_to_a_changed_cent(payments: str) -> None:
    count = "SELECT count(*) FROM payments WHERE reference_date = :reference_date"
    results, _ = planted(payments, [], [control(query(count), query("SELECT 3"))])
    assert results[Fault.LOST_ROW].seen_by == ("tie",)
    assert results[Fault.CHANGED_CENT].blind == ("tie",)


def test_two_sides_that_read_the_same_rows_see_nothing(payments: str) -> None:
    total = "SELECT sum(amount) FROM payments WHERE reference_date = :reference_date"
    results, findings = planted(payments, [], [control(query(total), query(total))])
    assert unseen(results) == set(Fault)
    assert [f.code for f in findings] == ["R5001", "R5002"]
    assert findings[1].message.startswith("tie sees nothing: it is blind to a lost row, ")


def test_one_table_on_both_sides_sees_nothing_though_a_hop_sees_everything(payments: str) -> None:
    same = staged(Asked(kind=MeasureKind.COUNT), Asked(kind=MeasureKind.SUM, columns=("amount",)))
    results, findings = planted(payments, [to_warehouse()], [control(same, same)])
    assert unseen(results) == set()
    assert [f.code for f in findings] == ["R5002"]


def test_a_tolerance_above_every_planted_fault_sees_nothing(payments: str) -> None:
    asked = Asked(kind=MeasureKind.SUM, columns=("amount",))
    other = Term(side=StagedSide(stage=Stage.CURATED, dataset="payments"), asked=(asked,))
    tight = control(staged(asked), other, tolerance="0.50")
    loose = control(staged(asked), other, tolerance="999999999999")
    assert planted(payments, [to_warehouse()], [tight])[1] == ()
    (finding,) = planted(payments, [to_warehouse()], [loose])[1]
    assert (finding.code, finding.on_fail, finding.severity) == (
        "R5002",
        OnFail.FLAG,
        Severity.WARN,
    )
    assert "no difference beyond its tolerance under a lost row" in finding.observed


@pytest.mark.parametrize(
    "right",
    [
        Term(
            side=StagedSide(stage=Stage.WAREHOUSE, dataset="payments"),
            asked=(Asked(kind=MeasureKind.COUNT),),
            refers=Refers(columns=("kind",), dataset="kinds", to_columns=("kind",)),
        ),
        Term(
            side=StagedSide(stage=Stage.WAREHOUSE, dataset="payments"),
            asked=(Asked(kind=MeasureKind.COUNT),),
            where="kind IN ('a', 'b', 'c')",
        ),
    ],
)
def test_parts_against_their_whole_look_for_what_is_not_planted(payments: str, right: Term) -> None:
    whole = staged(Asked(kind=MeasureKind.COUNT))
    assert planted(payments, [to_warehouse()], [control(whole, right)])[1] == ()


def test_a_control_where_no_fault_was_planted_is_not_called_blind(payments: str) -> None:
    asked = Asked(kind=MeasureKind.SUM, columns=("amount",))
    elsewhere = StagedSide(stage=Stage.CURATED, dataset="payments")
    terms = (
        staged(asked, where="kind = 'none of these'"),
        Term(side=elsewhere, asked=(asked,), where="kind = 'none of these'"),
    )
    assert planted(payments, [to_warehouse()], [control(*terms)])[1] == ()


def test_a_tolerance_hides_a_cent_and_only_that(payments: str) -> None:
    total = "SELECT sum(amount) FROM payments WHERE reference_date = :reference_date"
    loose = control(query(total), query("SELECT 7.50"), tolerance="0.01")
    results, _ = planted(payments, [], [loose])
    assert results[Fault.CHANGED_CENT].blind == ("tie",)
    assert results[Fault.FLIPPED_SIGN].seen_by == ("tie",)


def test_a_control_by_group_sees_a_pair_that_is_swapped_between_groups(payments: str) -> None:
    asked = Asked(kind=MeasureKind.SUM, columns=("amount",))
    other = Term(side=StagedSide(stage=Stage.CURATED, dataset="elsewhere"), asked=(asked,))
    results, _ = planted(payments, [], [control(staged(asked, by=("kind",)), other)])
    assert results[Fault.SWAPPED_PAIR].seen_by == ("tie",)


def test_a_control_blind_to_its_own_measure_is_a_finding() -> None:
    asked = Asked(kind=MeasureKind.SUM, columns=("amount",))
    found = observers(
        [],
        [control(staged(asked), query("SELECT 1"))],
        tables=lambda sql: (),
        money=lambda dataset: ("amount",),
    )
    stuck: dict[str, Groups] = {variant: {(): (Decimal("7.50"),)} for variant in ("", *Fault)}
    columns = {"payments": dict.fromkeys((Fault.CHANGED_CENT, Fault.FLIPPED_SIGN), "amount")}
    answer = Planted(columns=columns, measured={found[0].looks[0].id: stuck})
    _, findings = judge(found, answer, way=lambda dataset: dataset)
    assert [f.code for f in findings] == ["R5001", "R5002"]
    assert "tie is blind to a changed cent (amount) and a flipped sign" in findings[1].message


def test_what_cannot_be_planted_is_not_applicable_and_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    rows = {"id": pa.array([], pa.string()), "amount": pa.array([], pa.decimal128(18, 2))}
    pq.write_table(pa.table(rows | {"kind": pa.array([], pa.string())}), path)
    results, findings = planted(str(path), [to_warehouse()])
    assert not any(r.applies for r in results.values())
    assert findings == ()
    assert sentence(tuple(results.values())) == "no fault was planted: no row to plant one in"


def test_the_largest_amount_of_its_type_can_be_changed_by_a_cent(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    largest = Decimal("9" * 16 + ".99")
    amounts = pa.array([largest, largest.copy_negate()], pa.decimal128(18, 2))
    pq.write_table(pa.table({"id": ["p1", "p2"], "amount": amounts, "kind": ["a", "b"]}), path)
    results, findings = planted(str(path), [to_warehouse()])
    assert all(r.seen_by for r in results.values())
    assert findings == ()

"""A model that nothing compares with what it is made from is told, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.small import CONTRACT, LAYOUT, REPORT, REPORT_SQL, SETTINGS, write_project

from puntual.project.read import lint

PLAIN = SETTINGS.replace("    carries: payments\n", "")
BALANCES = SETTINGS.replace("[movements]", "[movements, balances]").replace(
    "warehouse:",
    "  balances:\n    key: [client_id]\n    measures: [{column: balance, unit: MXN}]\nwarehouse:",
)
AGGREGATE = "SELECT client_id, sum(amount) AS balance FROM movements GROUP BY client_id\n"
REPORTED = {
    "reports/payments_daily/report.sql": "SELECT client_id AS kind, 1 AS payments, "
    "balance AS total FROM balances WHERE reference_date = :reference_date ORDER BY 1",
    "reports/payments_daily/report.yaml": REPORT.replace("sum(amount) FROM", "sum(balance) FROM")
    .replace("FROM movements", "FROM balances")
    .replace("dataset: movements", "dataset: balances"),
}
WITH_BALANCES = {"puntual.yaml": BALANCES, "models/balances.sql": AGGREGATE, **REPORTED}
DAY = "WHERE reference_date = :reference_date"


def control(**sides: str) -> str:
    """Return `controls.yaml` with one control of these sides."""
    lines = "".join(f"    {name}: {value}\n" for name, value in sides.items())
    return f"controls:\n  - id: c\n    kind: end_to_end\n{lines}"


SUMS = "[{sum: amount}]"
TO_SOURCE = control(left="{raw: payments}", right="{warehouse: movements}", measures=SUMS)
TO_MODEL = control(
    equal="{left: {warehouse: movements, sum: amount}, right: {warehouse: balances, sum: balance}}",
)
OF_ITSELF = control(
    left=f"SELECT sum(balance) FROM balances {DAY}",
    right=f"SELECT coalesce(sum(balance), 0) FROM balances {DAY}",
    unit="MXN",
)
IN_SQL = control(
    left=f"SELECT sum(amount) FROM movements {DAY}",
    right=f"SELECT sum(balance) FROM balances {DAY}",
    unit="MXN",
)
IN_ONE_QUERY = control(
    left="SELECT count(*) FROM movements AS m LEFT JOIN balances AS b "
    "ON b.client_id = m.client_id WHERE b.client_id IS NULL",
    right="SELECT 0",
    unit="rows",
)
NAMED_ALONE = control(
    left=f"SELECT sum(balance) AS movements FROM balances {DAY}",
    right=f"SELECT sum(balance) + 0 FROM balances {DAY}",
    unit="MXN",
)
REFERS = control(refers="{dataset: balances, columns: [client_id], to: movements}")
REFERRED = control(refers="{dataset: movements, columns: [client_id], to: balances}")
THROUGH_REPORT = control(
    equal="{left: {warehouse: movements, sum: amount}, "
    "right: {report: payments_daily, sum: total}}",
)


def warned(root: Path, **files: str) -> list[str]:
    """Return the models that `puntual check` says nothing compares, at their place."""
    write_project(root, **({"controls/controls.yaml": "controls: []\n"} | files))
    project, complaints, _ = lint(root)
    assert project is not None, complaints
    told = [c for c in complaints if c.code == "C1307"]
    assert [c.severity for c in told] == ["warning"] * len(told)
    assert [f"models/{name}.sql" for name in project.uncompared] == [c.file for c in told]
    return [f"{c.file}:{c.line} {c.message}" for c in told]


def test_a_model_that_carries_its_source_is_compared(tmp_path: Path) -> None:
    assert warned(tmp_path) == []


def test_a_model_without_carries_and_without_a_control_is_told_with_its_place(
    tmp_path: Path,
) -> None:
    message = "nothing compares 'movements' with what it is made from: payments"
    assert warned(tmp_path, **{"puntual.yaml": PLAIN}) == [f"models/movements.sql:1 {message}"]
    (told,) = [c for c in lint(tmp_path)[1] if c.code == "C1307"]
    assert "declare `carries`, or a control" in told.hint


@pytest.mark.parametrize(
    "controls",
    [TO_MODEL, IN_SQL, IN_ONE_QUERY, REFERRED, THROUGH_REPORT],
    ids=["equal", "two queries", "one query of both", "referred to", "through the report"],
)
def test_an_aggregate_that_a_control_compares_with_what_it_is_made_from_is_not_told(
    tmp_path: Path, controls: str
) -> None:
    assert warned(tmp_path, **WITH_BALANCES, **{"controls/controls.yaml": controls}) == []


@pytest.mark.parametrize(
    "controls",
    ["controls: []\n", OF_ITSELF, NAMED_ALONE, REFERS, TO_SOURCE],
    ids=["no control", "of itself", "a column's name", "refers to", "another model's"],
)
def test_an_aggregate_that_no_control_compares_with_what_it_is_made_from_is_told(
    tmp_path: Path, controls: str
) -> None:
    """Rows that a model lost refer to nothing, and a control of its own rows agrees with them."""
    told = warned(tmp_path, **WITH_BALANCES, **{"controls/controls.yaml": controls})
    assert told == [
        "models/balances.sql:1 nothing compares 'balances' with what it is made from: movements"
    ]


FROM_SOURCE = "SELECT client_id, sum(amount) AS balance FROM payments GROUP BY client_id\n"


@pytest.mark.parametrize(
    "controls",
    [TO_MODEL, IN_SQL, IN_ONE_QUERY, REFERRED, THROUGH_REPORT],
    ids=["equal", "two queries", "one query of both", "referred to", "through the report"],
)
def test_a_model_that_carries_a_source_stands_for_it_in_a_control_of_another_made_from_that_source(
    tmp_path: Path, controls: str
) -> None:
    """`balances` is made from `payments`, and held against `movements`, which carries them."""
    files = WITH_BALANCES | {"models/balances.sql": FROM_SOURCE}
    assert warned(tmp_path, **files, **{"controls/controls.yaml": controls}) == []


@pytest.mark.parametrize("carries", ["    carries: payments\n", ""])
def test_it_stands_for_it_also_where_its_rows_come_through_another_that_carries_it(
    tmp_path: Path, carries: str
) -> None:
    """`movements` carries `payments` through `read`; `balances` is made from `read`."""
    read = f"  read:\n    key: [payment_id]\n{carries}"
    files = WITH_BALANCES | {
        "puntual.yaml": BALANCES.replace("models:\n", f"models:\n{read}"),
        "models/read.sql": "SELECT payment_id, client_id, amount, paid_on, _object, _position"
        " FROM payments\n",
        "models/movements.sql": "SELECT payment_id, client_id, amount, paid_on,"
        " amount < 0 AS refund, _object, _position FROM read\n",
        "models/balances.sql": FROM_SOURCE.replace("payments", "read"),
    }
    assert warned(tmp_path, **files, **{"controls/controls.yaml": TO_MODEL}) == []


def test_it_stands_for_it_in_a_tie_of_a_report(tmp_path: Path) -> None:
    tie = REPORTED["reports/payments_daily/report.yaml"].replace(
        "SELECT sum(balance) FROM balances", "SELECT sum(amount) FROM movements"
    )
    files = WITH_BALANCES | {
        "models/balances.sql": FROM_SOURCE,
        "reports/payments_daily/report.yaml": tie,
    }
    assert warned(tmp_path, **files) == []


def test_one_that_carries_another_source_stands_for_nothing_that_the_model_is_made_from(
    tmp_path: Path,
) -> None:
    """`balances` is made from `fees`, and a control holds it against what carries `payments`."""
    fees = """sources:
  fees:
    kind: files
    path: "inbox/fees_{reference_date:%Y%m%d}.csv"
    complete: {marker: .ok}
    control: {file: "control/fees_{reference_date:%Y%m%d}.json"}
"""
    files = WITH_BALANCES | {
        "puntual.yaml": BALANCES.replace("sources:\n", fees),
        "contracts/fees.odcs.yaml": CONTRACT.replace(": payments\n", ": fees\n"),
        "models/balances.sql": FROM_SOURCE.replace("payments", "fees"),
    }
    told = warned(tmp_path, **files, **{"controls/controls.yaml": TO_MODEL})
    assert told == [
        "models/balances.sql:1 nothing compares 'balances' with what it is made from: fees"
    ]


LOOKED_UP = {
    "puntual.yaml": BALANCES.replace(
        "  balances:\n", "  clients:\n    key: [client_id]\n  balances:\n"
    ).replace("tables: [", "tables: [clients, "),
    "models/clients.sql": "SELECT client_id FROM payments GROUP BY client_id\n",
    "models/movements.sql": "SELECT p.payment_id, p.client_id, p.amount, p.paid_on,"
    " p.amount < 0 AS refund, p._object, p._position"
    " FROM payments AS p LEFT JOIN clients AS c ON c.client_id = p.client_id\n",
}


def test_it_stands_for_it_where_it_looks_the_other_up(tmp_path: Path) -> None:
    """`movements` has every payment whatever `clients` lost, so that a client is missed there."""
    held = control(refers="{dataset: movements, columns: [client_id], to: clients}")
    more = TO_MODEL.removeprefix("controls:\n").replace("id: c", "id: d")
    files = WITH_BALANCES | LOOKED_UP | {"controls/controls.yaml": held + more}
    assert warned(tmp_path, **files) == []


def test_it_stands_for_nothing_against_what_is_made_from_it(tmp_path: Path) -> None:
    """`balances` is made from `movements`: both have what `clients` lost, and agree."""
    files = WITH_BALANCES | LOOKED_UP | {"controls/controls.yaml": TO_MODEL}
    assert warned(tmp_path, **files) == [
        "models/clients.sql:1 nothing compares 'clients' with what it is made from: payments"
    ]


def test_a_tie_of_a_report_with_what_its_table_is_made_from_compares_that_table(
    tmp_path: Path,
) -> None:
    tie = REPORTED["reports/payments_daily/report.yaml"].replace(
        "SELECT sum(balance) FROM balances", "SELECT sum(amount) FROM movements"
    )
    files = WITH_BALANCES | {"reports/payments_daily/report.yaml": tie}
    assert warned(tmp_path, **files) == []


def test_a_model_is_compared_by_a_control_of_what_is_made_from_it(tmp_path: Path) -> None:
    """`balances` is made from `movements`, which carries nothing, and held against the source."""
    settings = BALANCES.replace("    carries: payments\n", "")
    whole = control(
        equal="{left: {raw: payments, sum: amount}, right: {warehouse: balances, sum: balance}}"
    )
    files = WITH_BALANCES | {"puntual.yaml": settings, "controls/controls.yaml": whole}
    assert warned(tmp_path, **files) == []


def test_a_model_through_which_the_rows_of_a_carried_source_come_is_compared(
    tmp_path: Path,
) -> None:
    """`movements` has its rows from `read` alone, so that one that `read` lost is missed there."""
    files = {
        "models/read.sql": "SELECT payment_id, client_id, amount, paid_on, _object, _position"
        " FROM payments\n",
        "models/movements.sql": "SELECT payment_id, client_id, amount, paid_on,"
        " amount < 0 AS refund, _object, _position FROM read\n",
    }
    assert warned(tmp_path, **files) == []


def test_a_model_that_is_not_loaded_is_told_where_a_loaded_one_is_made_from_it(
    tmp_path: Path,
) -> None:
    """Of a model that reaches no table nothing is owed."""
    settings = PLAIN.replace("  movements:\n", "  movements:\n    carries: payments\n")
    clients = "SELECT client_id FROM payments GROUP BY client_id\n"
    joined = (
        "SELECT p.payment_id, p.client_id, p.amount, p.paid_on, p.amount < 0 AS refund,"
        " p._object, p._position FROM payments AS p"
    )
    files = {"puntual.yaml": settings, "models/clients.sql": clients}
    assert warned(tmp_path / "alone", **files) == []
    known = f"{joined} LEFT JOIN clients AS c ON c.client_id = p.client_id\n"
    told = warned(tmp_path / "read", **files, **{"models/movements.sql": known})
    assert told == [
        "models/clients.sql:1 nothing compares 'clients' with what it is made from: payments"
    ]


def untied(root: Path, controls: str, *, ties: str = "ties: []\n") -> list[str]:
    """Return the reports whose files nothing compares, as `puntual check` warns of them."""
    report = REPORT[: REPORT.index("ties:")]
    other = {
        "reports/other/report.yaml": report + "ties: []\n",
        "reports/other/report.sql": REPORT_SQL,
        "reports/other/layout.yaml": LAYOUT,
    }
    mine = {"reports/payments_daily/report.yaml": report + ties}
    write_project(root, **{"controls/controls.yaml": controls, **mine, **other})
    project, complaints, _ = lint(root)
    assert project is not None, complaints
    told = [c.file for c in complaints if c.code == "C1404"]
    assert told == [f"reports/{name}/report.yaml" for name in project.untied]
    return list(project.untied)


OF_BOTH = control(
    tie="{left: {report: other, sum: total}, right: {report: payments_daily, sum: total}}"
)
OF_OTHER = control(
    tie="{left: {report: other, sum: total}, right: {warehouse: movements, sum: amount}}"
)


def test_two_reports_that_are_compared_with_each_other_alone_are_both_told(tmp_path: Path) -> None:
    assert untied(tmp_path, OF_BOTH) == ["other", "payments_daily"]


def test_a_report_that_is_compared_with_one_that_is_tied_is_not_told(tmp_path: Path) -> None:
    assert untied(tmp_path, OF_BOTH, ties=REPORT[REPORT.index("ties:") :]) == []


def test_a_report_whose_file_a_control_holds_against_a_table_is_not_told(tmp_path: Path) -> None:
    assert untied(tmp_path, OF_OTHER) == ["payments_daily"]

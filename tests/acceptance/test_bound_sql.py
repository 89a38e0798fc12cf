"""`puntual check` binds the project's SQL over empty tables: a run is not the first to try it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import small

from puntual.cli import binding
from puntual.project.read import read_project


def _said(root: Path) -> list[str]:
    found = binding.complaints(root, read_project(root))
    assert all((c.code, c.severity) == ("C1214", "error") for c in found)
    return [f"{c.file}:{c.line}:{c.column} {c.message}" for c in found]


def _edited(root: Path, path: str, old: str, new: str) -> Path:
    small.good_day(root)
    file = root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return root


def test_a_right_project_binds(tmp_path: Path) -> None:
    small.good_day(tmp_path)
    assert _said(tmp_path) == []


def test_a_column_that_is_not_grouped_is_named_with_its_place(tmp_path: Path) -> None:
    _edited(tmp_path, "reports/payments_daily/report.sql", "GROUP BY 1\n", "")
    (said,) = _said(tmp_path)
    assert said.startswith(
        'reports/payments_daily/report.sql:1:18 DuckDB cannot run the report: column "refund" must'
    )


def test_a_function_of_other_types_is_named_on_its_line(tmp_path: Path) -> None:
    old, new = "amount < 0 AS refund,", "amount < 0 AS refund,\n  strpos(client_id, amount) AS at,"
    _edited(tmp_path, "models/movements.sql", old, new)
    (said,) = _said(tmp_path)
    assert said.startswith("models/movements.sql:2:3 DuckDB cannot run the model: No function")


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        (
            "controls/controls.yaml",
            "left: SELECT sum(amount)",
            "left: SELECT sum(client_id)",
            "controls/controls.yaml:4:18 DuckDB cannot run the control 'refunds_and_payments': ",
        ),
        (
            "reports/payments_daily/report.yaml",
            "query: SELECT sum(amount)",
            "query: SELECT sum(paid_on)",
            "reports/payments_daily/report.yaml:9:19 DuckDB cannot run the tie of 'total': ",
        ),
        (
            "checks/checks.yaml",
            "not_null: [client_id]",
            "row: amount + client_id = paid_on",
            "checks/checks.yaml:4:",
        ),
    ],
)
def test_sql_inside_yaml_is_bound_too(
    tmp_path: Path, path: str, old: str, new: str, said: str
) -> None:
    (found,) = _said(_edited(tmp_path, path, old, new))
    assert found.startswith(said), found


def test_what_reads_a_model_that_does_not_bind_is_not_blamed_for_it(tmp_path: Path) -> None:
    _edited(tmp_path, "models/movements.sql", "amount < 0 AS refund", "sum(paid_on) AS refund")
    assert [said.partition(":")[0] for said in _said(tmp_path)] == ["models/movements.sql"]


def test_what_only_rows_would_tell_is_not_complained_about(tmp_path: Path) -> None:
    old, new = (
        "amount < 0 AS refund,",
        "amount < 0 AS refund, CAST('no number' AS BIGINT) AS wrong,",
    )
    assert _said(_edited(tmp_path, "models/movements.sql", old, new)) == []


def test_check_ends_with_2_and_shows_the_line(tmp_path: Path) -> None:
    _edited(tmp_path, "reports/payments_daily/report.sql", "GROUP BY 1\n", "")
    done = small.puntual(tmp_path, "check")
    assert done.code == 2
    assert "report.sql:1:18  C1214" in done.out

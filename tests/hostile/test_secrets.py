"""h16: a secret stands in no message, whatever went wrong with its connection."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from core.project.base import edited, shown

from puntual.engines.postgresql.extract import read
from puntual.engines.postgresql.warehouse import PostgreSQLWarehouse
from puntual.errors import PuntualError
from puntual.local.database import LocalDatabases
from puntual.model.contract import Column, ColumnType, Contract, Csv, Kind
from puntual.model.source import DatabaseSource, NoControl

CANARY = "hunter2"
WRONG = (
    f"postgresql://bank:{CANARY}@127.0.0.1:1/core",
    f"postgresql://bank:{CANARY}@no-such-host.invalid/core?connect_timeout=1",
    f"postgresql://bank:pass/{CANARY}@127.0.0.1:1/core",
    f"postgresql://bank:x@a.invalid,{CANARY}.invalid:1/core",
    f"postgresql://bank:{CANARY}%2@127.0.0.1/core",
    f"postgresql://bank:{CANARY}@[::1/core",
    f"postgresql://bank:{CANARY}@127.0.0.1:1/core?bogus={CANARY}",
    f"host=127.0.0.1 port=1 password='{CANARY}",
    f"{CANARY} with a blank",
    CANARY,
)


def said(error: PuntualError) -> str:
    return f"{error} {error.where} {error.expected} {error.observed} {error.next_step}"


@pytest.mark.row("h16")
@pytest.mark.parametrize("dsn", WRONG)
def test_a_sources_connection_is_in_no_message(dsn: str) -> None:
    with pytest.raises(PuntualError) as caught:
        read(dsn, "SELECT 1 AS a", date(2026, 3, 2), ("a",), (), (), lambda batch: None)
    assert CANARY not in said(caught.value)


@pytest.mark.row("h16")
@pytest.mark.parametrize("dsn", WRONG)
def test_a_warehouses_connection_is_in_no_message(dsn: str) -> None:
    warehouse = PostgreSQLWarehouse(dsn, wait=1)
    with pytest.raises(PuntualError) as caught:
        warehouse.query("SELECT 1 AS a", {}, limit=1)
    assert CANARY not in said(caught.value)


@pytest.mark.row("h15", "h16")
@pytest.mark.parametrize("value", [f"http://169.254.169.254/{CANARY}", f"mysql://u:{CANARY}@h/x"])
def test_an_environment_variable_of_another_scheme_is_refused_and_not_repeated(
    tmp_path: Path, value: str
) -> None:
    column = Column(name="a", source_name="a", type=ColumnType(kind=Kind.TEXT))
    contract = Contract(dataset="c", version="1", file="c", columns=(column,), format=Csv())
    source = DatabaseSource(
        name="c", connection="env:DSN", query="SELECT 1", control=NoControl(reason="none")
    )
    with pytest.raises(PuntualError, match="S1206") as caught:
        LocalDatabases(tmp_path, {"DSN": value}).extract(
            source, contract, date(2026, 3, 2), str(tmp_path)
        )
    assert CANARY not in said(caught.value)


@pytest.mark.row("h16")
@pytest.mark.parametrize(
    "connection",
    [
        f"postgresql://bank:{CANARY}@h/x",
        f"postgres://:{CANARY}@h/x",
        f"postgresql://h/x?user=u&password={CANARY}",
        f"postgresql://h/x?sslpassword={CANARY}",
    ],
)
def test_a_password_in_the_settings_is_refused_and_its_line_is_not_shown(
    tmp_path: Path, connection: str
) -> None:
    complaints = shown(edited(tmp_path, "puntual.yaml", "sqlite:data/core.db", connection))
    assert "C1020" in complaints
    assert CANARY not in complaints

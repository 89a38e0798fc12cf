"""PostgreSQL on both sides of a real run: as a source read in one snapshot, and as warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.postgres import postgres_server as postgres_server
from support.postgres import postgres_url as postgres_url
from support.small import (
    CONTRACT,
    DAY,
    SETTINGS,
    good_day,
    only_delivery,
    puntual,
    run_day,
    write_project,
)

WAREHOUSE = SETTINGS.replace(
    "  kind: duckdb\n  location: .puntual/warehouse.duckdb\n",
    "  kind: postgresql\n  location: env:TEST_WAREHOUSE\n",
)
SOON = "run:\n  steps: {every: {retries: 1, interval: 1}}\n"  # nobody waits for a dead address
SOURCE = """\
sources:
  payments:
    kind: database
    connection: env:TEST_SOURCE
    query: SELECT * FROM payments WHERE paid_on = :reference_date
    control: snapshot
"""


def _database_project(root: Path) -> None:
    head, _, tail = SETTINGS.partition("sources:\n")
    _, _, rest = tail.partition("models:\n")
    contract = CONTRACT.replace(
        '      - {property: puntual.format, value: {type: csv, delimiter: ";"}}\n', ""
    )
    files = {
        "puntual.yaml": head + SOURCE + "models:\n" + rest,
        "contracts/payments.odcs.yaml": contract,
    }
    write_project(root, **files)


@pytest.mark.row("f52")
def test_a_day_loaded_into_postgresql_gives_the_same_report_as_duckdb(
    tmp_path: Path, postgres_url: str
) -> None:
    one, other = tmp_path / "duckdb", tmp_path / "postgresql"
    assert run_day(good_day(one)).code == 0
    good_day(other)
    (other / "puntual.yaml").write_text(WAREHOUSE)
    done = puntual(
        other,
        "run",
        "-d",
        DAY,
        "--as-of",
        "2026-03-03T05:00:00-06:00",
        env={"TEST_WAREHOUSE": postgres_url},
    )
    assert done.code == 0, done.out + done.err
    name = "out/payments_daily_20260302_v1.txt"
    assert (other / name).read_bytes() == (one / name).read_bytes()
    shown = puntual(other, "reconcile", "-d", DAY)
    assert "rows agree" in shown.out
    assert "DIFFER" not in shown.out


def test_a_warehouse_without_its_connection_is_exit_2_and_nothing_ran(tmp_path: Path) -> None:
    good_day(tmp_path)
    (tmp_path / "puntual.yaml").write_text(WAREHOUSE)
    done = run_day(tmp_path)
    assert done.code == 2, done.out + done.err
    assert "TEST_WAREHOUSE" in done.err
    assert not (tmp_path / ".puntual").exists()


@pytest.mark.row("f46")
def test_a_warehouse_that_does_not_answer_is_exit_3_and_loses_nothing(tmp_path: Path) -> None:
    good_day(tmp_path)
    (tmp_path / "puntual.yaml").write_text(WAREHOUSE + SOON)
    nowhere = {"TEST_WAREHOUSE": "postgresql://127.0.0.1:9/none"}
    at = ("--as-of", "2026-03-03T05:00:00-06:00")
    done = puntual(tmp_path, "run", "-d", DAY, *at, env=nowhere)
    assert done.code == 3, done.out + done.err
    assert "T4003" in done.err
    (tmp_path / "puntual.yaml").write_text(SETTINGS)
    assert run_day(tmp_path).code == 0


def test_money_with_cents_comes_out_of_postgresql_exactly(
    tmp_path: Path, postgres_url: str
) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE payments (payment_id text, client_id text, "
            "amount numeric(18,2), paid_on date)"
        )
        connection.execute(
            "INSERT INTO payments VALUES ('p1', 'c1', 9999999999999999.99, '2026-03-02'), "
            "('p2', NULL, -0.01, '2026-03-02'), ('p3', 'c2', 1.00, '2026-03-01')"
        )
    _database_project(tmp_path)
    at = ("--as-of", "2026-03-03T05:00:00-06:00", "--json")
    done = puntual(tmp_path, "run", "-d", DAY, *at, env={"TEST_SOURCE": postgres_url})
    assert done.code == 0, done.out + done.err
    assert only_delivery(done)["completeness"] == "full"
    text = (tmp_path / "out/payments_daily_20260302_v1.txt").read_text()
    assert text == ("H|20260302\nP|1|9999999999999999.99\nR|1|-0.01\nT|2|9999999999999999.98\n")


def test_a_database_that_cannot_be_reached_is_exit_3_with_its_code(tmp_path: Path) -> None:
    _database_project(tmp_path)
    with (tmp_path / "puntual.yaml").open("a") as settings:
        settings.write(SOON)
    at = ("--as-of", "2026-03-03T05:00:00-06:00")
    nowhere = {"TEST_SOURCE": "postgresql://127.0.0.1:9/none"}
    done = puntual(tmp_path, "run", "-d", DAY, *at, env=nowhere)
    assert done.code == 3, done.out + done.err
    assert "S1201" in done.err


@pytest.mark.row("f41")
@pytest.mark.parametrize("kind", ["real", "double precision"])
def test_an_amount_that_postgresql_holds_as_a_float_stops_the_landing_by_name(
    tmp_path: Path, postgres_url: str, kind: str
) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE TABLE payments (payment_id text, client_id text, amount {kind}, "
            f"paid_on date); INSERT INTO payments VALUES ('p1', 'c1', 250.5, '{DAY}')".encode()
        )
    _database_project(tmp_path)
    at = ("--as-of", "2026-03-03T05:00:00-06:00")
    reached = {"TEST_SOURCE": postgres_url}
    done = puntual(tmp_path, "run", "-d", DAY, *at, env=reached)
    assert done.code == 3, done.out + done.err
    assert "S1207" in done.err
    assert f"amount is {kind}" in done.err
    assert not (tmp_path / "out").exists()
    cast = "SELECT payment_id, client_id, CAST(amount AS numeric(18,2)) AS amount, paid_on FROM"
    settings = tmp_path / "puntual.yaml"
    settings.write_text(settings.read_text().replace("SELECT * FROM", cast))
    done = puntual(tmp_path, "run", "-d", DAY, *at, env=reached)
    assert done.code == 0, done.out + done.err

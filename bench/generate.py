"""
Make one day of the bench bank: events, credits, clients, each with its control record.

The same size gives the same rows. Everything is invented; DuckDB writes it, so ten million
events take seconds.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

DAY = date(2026, 11, 20)
FILES = 4
BAD_LINES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many events, credits and clients a day has."""

    events: int
    credits: int
    clients: int


def size_of(events: int) -> Size:
    """Return the day that belongs to so many events: a twentieth in credits, a fiftieth clients."""
    return Size(events=events, credits=max(events // 20, 20), clients=max(events // 50, 20))


def day_made(work: Path, events: int) -> Path:
    """Return the folder of a day of so many events below `work`, made once."""
    folder = work / f"day-{events}"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        size = size_of(events)
        print(f"making {events:,} events, {size.credits:,} credits, {size.clients:,} clients")
        generate(folder, size)
        (folder / "made").touch()
    return folder


def generate(folder: Path, size: Size) -> None:
    """
    Write a day's files into `inbox` and `control` under a folder.

    One event in a hundred is sent twice, a tenth are refunds with a minus sign, and 25 lines
    are not what the contract asks for, of five kinds.
    """
    inbox, control = folder / "inbox", folder / "control"
    inbox.mkdir(parents=True, exist_ok=True)
    control.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as db:
        _events(db, inbox, control, size)
        _credits(db, inbox, control, size)
        _clients(db, inbox, control, size)
    for file in sorted(inbox.iterdir()):
        if file.suffix != ".ok":
            file.with_name(file.name + ".ok").touch()


def _events(db: duckdb.DuckDBPyConnection, inbox: Path, control: Path, size: Size) -> None:
    """Write the events in four files; each is measured as it lies there, for the control record."""
    db.execute(
        """
        CREATE TEMP MACRO instant(i) AS strftime(
          TIMESTAMP '2026-11-20 06:00:00' + to_microseconds((hash(i + 3) % 86400000000)::BIGINT),
          '%Y-%m-%dT%H:%M:%S.%fZ')
        """
    )
    db.execute(
        f"""
        CREATE TEMP VIEW event AS
        WITH line AS (
          SELECT
            r,
            CASE WHEN hash(r) % 100 = 0 THEN greatest(r - 1 - (hash(r + 7) % 50000)::BIGINT, 0)
                 ELSE r END AS i,
            (r % {max(size.events // BAD_LINES, 1)} = 17)::INTEGER
              * (1 + (r // {max(size.events // BAD_LINES, 1)}) % 5) AS bad
          FROM range({size.events}) AS t(r)
        ), field AS (
          SELECT
            r,
            bad,
            'E' || lpad(i::VARCHAR, 10, '0') AS id,
            'C' || lpad((hash(i) % {size.credits})::VARCHAR, 7, '0') AS credit,
            hash(i + 1) % 10 AS k,
            ((hash(i + 2) % 100000) / 100)::DECIMAL(18, 2) + 0.01 AS amount,
            instant(i) AS moment,
            ['branch', 'card', 'app', 'atm'][1 + (hash(i + 4) % 4)::INTEGER] AS channel
          FROM line
        ), text AS (
          SELECT r, bad,
            '{{"event_id":' || CASE WHEN bad = 1 THEN 'null' ELSE '"' || id || '"' END
            || ',"credit_id":"' || credit
            || '","type":"' || CASE WHEN bad = 2 THEN 'REWARD' WHEN k < 7 THEN 'PAYMENT'
                                    WHEN k < 9 THEN 'CHARGE' ELSE 'REFUND' END
            || '","amount":"' || CASE WHEN bad = 3 THEN 'n/a' WHEN k = 9 THEN '-' ELSE '' END
            || CASE WHEN bad = 3 THEN '' ELSE amount::VARCHAR END
            || '","currency":"MXN","at":"' || CASE WHEN bad = 4 THEN 'yesterday' ELSE moment END
            || '","channel":"' || channel || '"}}' AS whole
          FROM field
        )
        SELECT r, CASE WHEN bad = 5 THEN left(whole, 60) ELSE whole END AS line FROM text
        """
    )
    for part in range(FILES):
        file = inbox / f"card_events_{DAY:%Y%m%d}_{part}.jsonl"
        db.execute(
            f"""
            COPY (SELECT line FROM event
                  WHERE r >= {size.events * part // FILES}
                    AND r < {size.events * (part + 1) // FILES} ORDER BY r)
            TO '{file}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')
            """
        )
    row = db.execute(
        f"""
        SELECT count(*), sum(TRY_CAST(line ->> '$.amount' AS DECIMAL(18, 2)))
        FROM (SELECT CASE WHEN json_valid(l) THEN l::JSON END AS line
              FROM read_csv('{inbox}/card_events_*.jsonl', header = false, quote = '',
                            escape = '', delim = '\x01', columns = {{'l': 'VARCHAR'}},
                            auto_detect = false))
        """
    ).fetchall()[0]
    _control(control, "card_events", row[0], {"amount": row[1]})


def _credits(db: duckdb.DuckDBPyConnection, inbox: Path, control: Path, size: Size) -> None:
    """Write the credits as CSV."""
    db.execute(
        f"""
        CREATE TEMP TABLE credit AS SELECT
          'C' || lpad(i::VARCHAR, 7, '0') AS credit_id,
          'K' || lpad((hash(i + 11) % {size.clients})::VARCHAR, 7, '0') AS client_id,
          ['CARD', 'PERSONAL', 'AUTO', 'MORTGAGE', 'PAYROLL'][1 + (hash(i) % 5)::INTEGER]
            AS product,
          ((hash(i + 12) % 50000000) / 100)::DECIMAL(18, 2) AS balance,
          ((30000000 + hash(i + 13) % 50000000) / 100)::DECIMAL(18, 2) AS credit_limit,
          CASE WHEN hash(i + 14) % 20 = 0 THEN (hash(i + 15) % 120)::INTEGER ELSE 0 END
            AS days_past_due,
          DATE '2020-01-01' + (hash(i + 16) % 2400)::INTEGER AS opened_on
        FROM range({size.credits}) AS t(i) ORDER BY i
        """
    )
    db.execute(f"COPY credit TO '{inbox}/credits_{DAY:%Y%m%d}.csv' (FORMAT csv, HEADER)")
    row = db.execute("SELECT count(*), sum(balance) FROM credit").fetchall()[0]
    _control(control, "credits", row[0], {"balance": row[1]})


def _clients(db: duckdb.DuckDBPyConnection, inbox: Path, control: Path, size: Size) -> None:
    """Write the clients as Parquet."""
    db.execute(
        f"""
        COPY (
          SELECT
            'K' || lpad(i::VARCHAR, 7, '0') AS client_id,
            ['MASS', 'PREMIUM', 'SME', 'CORPORATE'][1 + (hash(i) % 4)::INTEGER] AS segment,
            ['CMX', 'JAL', 'NLE', 'PUE', 'YUC'][1 + (hash(i + 21) % 5)::INTEGER] AS state,
            DATE '2005-01-01' + (hash(i + 22) % 7000)::INTEGER AS client_since
          FROM range({size.clients}) AS t(i) ORDER BY i
        ) TO '{inbox}/clients_{DAY:%Y%m%d}.parquet' (FORMAT parquet)
        """
    )
    _control(control, "clients", size.clients, {})


def _control(folder: Path, source: str, count: int, sums: dict[str, Decimal]) -> None:
    """Write the source's own record of what it sent; numbers are text."""
    record = {
        "source": source,
        "reference_date": DAY.isoformat(),
        "count": str(count),
        "sums": {column: str(total) for column, total in sums.items()},
    }
    file = folder / f"{source}_{DAY:%Y%m%d}.json"
    file.write_text(json.dumps(record) + "\n", encoding="utf-8")

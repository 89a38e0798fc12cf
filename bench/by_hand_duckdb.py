"""
Do the day's work the way a good engineer would write it in DuckDB, by hand.

Read, type, de-duplicate with a window, join, write Parquet, load, report. There are no checks,
no reconciliation and no evidence: this is what puntual is measured against.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

REPORT = Path(__file__).parent / "project/reports/credit_daily/report.sql"


def main(inbox: Path, out: Path) -> None:
    """Make `report.csv` and a warehouse in `out` from the files of `inbox`."""
    db = duckdb.connect(str(out / "warehouse.duckdb"))
    db.execute("SET TimeZone = 'UTC'")
    db.execute(
        f"""
        COPY (
          WITH typed AS (
            SELECT event_id, credit_id, type AS kind, TRY_CAST(amount AS DECIMAL(18, 2)) AS amount,
                   currency, TRY_CAST("at" AS TIMESTAMPTZ) AS occurred_at, channel
            FROM read_json('{inbox}/card_events_*.jsonl', format = 'newline_delimited',
                           ignore_errors = true,
                           columns = {{event_id: 'VARCHAR', credit_id: 'VARCHAR', type: 'VARCHAR',
                                       amount: 'VARCHAR', currency: 'VARCHAR', "at": 'VARCHAR',
                                       channel: 'VARCHAR'}})
          ), once AS (
            SELECT * FROM typed
            WHERE event_id IS NOT NULL AND credit_id IS NOT NULL AND amount IS NOT NULL
              AND occurred_at IS NOT NULL AND kind IN ('PAYMENT', 'CHARGE', 'REFUND')
            QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY occurred_at) = 1
          )
          SELECT e.event_id, e.credit_id, c.client_id, c.product, k.segment, e.kind, e.amount,
                 e.currency, e.occurred_at, e.channel
          FROM once AS e
          LEFT JOIN read_csv('{inbox}/credits_*.csv', header = true) AS c USING (credit_id)
          LEFT JOIN read_parquet('{inbox}/clients_*.parquet') AS k USING (client_id)
        ) TO '{out}/movements.parquet' (FORMAT parquet, COMPRESSION zstd)
        """
    )
    day = "DATE '2026-11-20' AS reference_date"
    db.execute(
        f"CREATE TABLE movements AS SELECT {day}, * FROM read_parquet('{out}/movements.parquet')"
    )
    db.execute(
        f"""
        CREATE TABLE credits AS SELECT {day}, *
        FROM read_csv('{inbox}/credits_*.csv', header = true, types = {{
          balance: 'DECIMAL(18, 2)', credit_limit: 'DECIMAL(18, 2)'}})
        """
    )
    db.execute(
        f"CREATE TABLE clients AS SELECT {day}, * FROM read_parquet('{inbox}/clients_*.parquet')"
    )
    sql = REPORT.read_text(encoding="utf-8").replace(":reference_date", "DATE '2026-11-20'")
    db.execute(f"COPY ({sql}) TO '{out}/report.csv' (FORMAT csv, DELIMITER '|', HEADER false)")
    db.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""
Do the day's work the way a good engineer would write it in PySpark, by hand, in local mode.

The same steps as `by_hand_duckdb.py`; the warehouse is a Spark table of Parquet files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

REPORT = Path(__file__).parent / "project/reports/credit_daily/report.sql"
EVENT = (
    "event_id STRING, credit_id STRING, type STRING, amount STRING, currency STRING, "
    "at STRING, channel STRING"
)
CREDIT = (
    "credit_id STRING, client_id STRING, product STRING, balance DECIMAL(18,2), "
    "credit_limit DECIMAL(18,2), days_past_due INT, opened_on DATE"
)


def main(inbox: Path, out: Path) -> None:
    """Make `report.csv` and a warehouse in `out` from the files of `inbox`."""
    spark = (
        SparkSession.builder.master("local[*]")
        .appName("by hand")
        .config("spark.driver.memory", "6g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.warehouse.dir", str(out / "warehouse"))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    events = (
        spark.read.schema(EVENT)
        .json(str(inbox / "card_events_*.jsonl"))
        .select(
            "event_id",
            "credit_id",
            F.col("type").alias("kind"),
            F.col("amount").cast("decimal(18,2)").alias("amount"),
            "currency",
            F.to_timestamp("at").alias("occurred_at"),
            "channel",
        )
        .where(
            "event_id IS NOT NULL AND credit_id IS NOT NULL AND amount IS NOT NULL "
            "AND occurred_at IS NOT NULL AND kind IN ('PAYMENT', 'CHARGE', 'REFUND')"
        )
    )
    order = Window.partitionBy("event_id").orderBy("occurred_at")
    once = events.withColumn("n", F.row_number().over(order)).where("n = 1").drop("n")
    credits = spark.read.csv(str(inbox / "credits_*.csv"), header=True, schema=CREDIT)
    clients = spark.read.parquet(str(inbox / "clients_*.parquet"))
    movements = once.join(
        credits.select("credit_id", "client_id", "product"), "credit_id", "left"
    ).join(clients.select("client_id", "segment"), "client_id", "left")
    movements.write.option("compression", "zstd").parquet(str(out / "movements"))
    day = F.to_date(F.lit("2026-11-20"))
    curated = spark.read.parquet(str(out / "movements"))
    for name, rows in (("movements", curated), ("credits", credits), ("clients", clients)):
        rows.withColumn("reference_date", day).write.saveAsTable(name)
    sql = REPORT.read_text(encoding="utf-8").replace(":reference_date", "DATE '2026-11-20'")
    report = spark.sql(sql).collect()
    text = "".join("|".join(str(value) for value in row) + "\n" for row in report)
    (out / "report.csv").write_text(text, encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""The lake engine on DuckDB: raw objects in, curated Parquet out."""

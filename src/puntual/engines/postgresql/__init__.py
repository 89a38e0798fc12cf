"""PostgreSQL as a source, read in one snapshot, and as a warehouse, loaded by COPY."""

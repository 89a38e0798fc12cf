"""Redshift's SQL: what is carried over to it exactly, its digest, and the statements of a load."""

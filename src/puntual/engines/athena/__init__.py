"""Athena's SQL (Trino): what is carried over to it exactly."""

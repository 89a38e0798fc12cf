"""Spark 3.5: the same curation, models and rules, spread over executors."""

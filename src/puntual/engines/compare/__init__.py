"""Compares the rows of two sides of any two engines, through their buckets."""

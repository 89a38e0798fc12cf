"""Turns what sources send into immutable raw objects, and seals a day."""

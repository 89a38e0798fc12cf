"""Judges measurements into findings and reconciles totals; never measures anything itself."""

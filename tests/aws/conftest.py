"""Fixtures of the stage for the tests of AWS."""

from support.stage import aws, faults

__all__ = ["aws", "faults"]

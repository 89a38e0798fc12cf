"""What is one for the whole session stands here: a fixture that is imported twice is made twice."""

from __future__ import annotations

from support.stage import stage, stage_python

__all__ = ["stage", "stage_python"]

"""
Measurements as lines of a log, which CloudWatch makes metrics of (embedded metric format).

A line costs no call and cannot fail a step. It holds names, counts and durations of steps and
sources; never a value of the data, and never a key (design 4.16): what else is given is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

NAMESPACE = "Puntual"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,249}")
DIMENSIONS = frozenset({"project", "report", "source", "step", "outcome", "dataset"})
"""What a metric may be divided by; each value makes a metric of its own, so there are few."""


class Unit(StrEnum):
    """In CloudWatch's words."""

    COUNT = "Count"
    SECONDS = "Seconds"
    BYTES = "Bytes"
    NONE = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """
    One measurement.

    Attributes:
        name: Such as `LandedRecords`.
        value: A count, or seconds.
        unit: Of the value.
    """

    name: str
    value: int | float
    unit: Unit


def line(
    metrics: tuple[Metric, ...],
    dimensions: Mapping[str, str],
    at: datetime,
    *,
    facts: Mapping[str, str] | None = None,
) -> str:
    """
    Return one line for standard output.

    Args:
        metrics: At most 100, of different names.
        dimensions: What they are divided by; names of `DIMENSIONS`.
        at: When, with its zone.
        facts: Found with the line and no metric of their own: run, reference date, code.

    Raises:
        ValueError: A name is none, or there are too many (a bug of the caller).
    """
    facts = facts or {}
    names = [metric.name for metric in metrics]
    clash = {*names, "_aws"} & {*dimensions, *facts}
    if not metrics or len(set(names)) < len(names) or len(names) > 100 or clash:
        raise ValueError("metrics need names of their own, 1 to 100")
    if not set(dimensions) <= DIMENSIONS or set(facts) & set(dimensions):
        raise ValueError(f"dimensions are some of {', '.join(sorted(DIMENSIONS))}")
    for text in (*names, *dimensions.values(), *facts.values()):
        if not _NAME.fullmatch(text) and not _is_plain(text):
            raise ValueError("a metric's line holds names and dates only")
    told: dict[str, object] = {
        "_aws": {
            "Timestamp": int(at.astimezone(UTC).timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [sorted(dimensions)],
                    "Metrics": [{"Name": m.name, "Unit": m.unit.value} for m in metrics],
                }
            ],
        },
        **dimensions,
        **facts,
        **{metric.name: metric.value for metric in metrics},
    }
    return json.dumps(told, sort_keys=True)


def _is_plain(text: str) -> bool:
    """Say whether a text is a date, an instant, a number of a run or a digest."""
    return re.fullmatch(r"[0-9a-fA-F:TZ.+-]{1,64}", text) is not None

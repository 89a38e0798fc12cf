"""Reads a file of prices: what it says of itself, and each amount exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from puntual.errors import ProjectError


def read_prices(file: Path, names: Iterable[str]) -> tuple[dict[str, str], dict[str, Decimal]]:
    """
    Return what a file of prices says of itself, and the prices by name.

    Args:
        file: YAML; amounts as texts.
        names: Of the prices that are needed.

    Raises:
        ProjectError: C1606 it cannot be read, or a price is missing or no amount.
    """
    try:
        found = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError) as error:
        raise _refused(file, "a file of prices", type(error).__name__) from error
    given: Mapping[str, Any] = found if isinstance(found, dict) else {}
    prices: dict[str, Decimal] = {}
    wrong = []
    for name in names:
        try:
            prices[name] = Decimal(str(given[name]))
        except (KeyError, InvalidOperation):
            wrong.append(name)
            continue
        if not prices[name].is_finite() or prices[name] < 0:
            wrong.append(name)
    if wrong:
        raise _refused(file, "an amount for each price", f"none for {', '.join(wrong)}")
    told = {name: str(given.get(name, "unknown")) for name in ("dated", "source", "currency")}
    return told, prices


def _refused(file: Path, expected: str, observed: str) -> ProjectError:
    return ProjectError(
        "C1606",
        f"the prices cannot be read: {file.name}",
        where=str(file),
        expected=expected,
        observed=observed,
        next_step="copy the file that comes with puntual and correct the amounts in it",
    )

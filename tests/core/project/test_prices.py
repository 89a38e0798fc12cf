"""Prices are amounts, exactly; a file that has none for a name is refused with that name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from puntual.errors import ProjectError
from puntual.project.prices import read_prices


def test_an_amount_is_read_exactly_with_what_the_file_says_of_itself(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text('dated: "2026-11"\ncurrency: USD\nshard: "0.0150"\n')
    told, prices = read_prices(file, ["shard"])
    assert told == {"dated": "2026-11", "source": "unknown", "currency": "USD"}
    assert prices == {"shard": Decimal("0.0150")}


@pytest.mark.parametrize("given", ['put: "1"', 'shard: "free"', 'shard: "-1"', 'shard: "NaN"'])
def test_a_price_that_is_missing_or_no_amount_is_named(tmp_path: Path, given: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(f"{given}\n")
    with pytest.raises(ProjectError, match="C1606") as caught:
        read_prices(file, ["shard"])
    assert caught.value.observed == "none for shard"


@pytest.mark.parametrize("text", ["shard: [", None])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "prices.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ProjectError, match="C1606"):
        read_prices(file, ["shard"])

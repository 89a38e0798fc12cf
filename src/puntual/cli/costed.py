"""`puntual plan --cost`: what a day costs on AWS, by volume, and what saturates first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from puntual.cli import text
from puntual.model.project import Project
from puntual.planner.cost import PRICES, VOLUMES, Estimate, Shape, estimate
from puntual.project.prices import read_prices

PRICES_FILE = Path(__file__).parents[1] / "infra" / "prices-2026-11.yaml"
"""What is known of prices; `--prices` takes another file of the same form."""

CENT = Decimal("0.01")


def show(project: Project, file: Path | None, *, as_json: bool) -> None:
    """
    Print what a day of each volume costs.

    Raises:
        ProjectError: C1606 the prices cannot be read.
    """
    place = file or PRICES_FILE
    told, prices = read_prices(place, PRICES)
    shape = Shape()
    found = [estimate(project, events, prices, shape) for events in VOLUMES]
    if as_json:
        text.envelope(
            "cost",
            {
                "prices": {"file": place.name, **told},
                "days": [_json(each) for each in found],
            },
        )
        return
    for line in _lines(found, told, place, shape):
        text.say(line)


def _lines(
    found: list[Estimate], told: Mapping[str, str], file: Path, shape: Shape
) -> Iterator[str]:
    currency = told["currency"]
    yield f" a day on AWS, {currency}; prices of {told['dated']} ({file.name}: {told['source']})"
    yield "  " + "".join([f"{'':<20}", *(f"{_events(e.events):>16}" for e in found)])
    for number, line in enumerate(found[0].lines):
        amounts = (e.lines[number].amount for e in found)
        yield "  " + "".join([f"{line.service:<20}", *(f"{_money(a):>16}" for a in amounts)])
    yield "  " + "".join([f"{'together':<20}", *(f"{_money(e.amount):>16}" for e in found)])
    yield (
        f"  assumed: {shape.record} bytes a record, {shape.workers} DPU and {shape.capacity} RPU, "
        f"{shape.land:,} records/s landed and {shape.curate:,} curated by a DPU"
    )
    for each in found:
        for limit in each.saturated:
            yield f"  ✕ {_events(each.events)}: {limit.service} takes {limit.expected};"
            yield f"      the day needs {limit.observed}: raise {limit.raise_what}"
    yield "  an estimate, no bill; correct the prices: --prices FILE"


def _json(found: Estimate) -> dict[str, object]:
    return {
        "events": found.events,
        "amount": str(found.amount.quantize(CENT)),
        "services": [
            {
                "service": line.service,
                "uses": line.uses,
                "amount": str(line.amount.quantize(Decimal("0.0001"))),
            }
            for line in found.lines
        ],
        "saturated": [
            {
                "service": each.service,
                "expected": each.expected,
                "observed": each.observed,
                "raise": each.raise_what,
            }
            for each in found.saturated
        ],
    }


def _events(count: int) -> str:
    millions = count // 1_000_000
    return f"{millions // 1000:,}·10⁹" if millions >= 1000 else f"{millions:,}·10⁶"


def _money(amount: Decimal) -> str:
    return f"{amount.quantize(CENT):,}"

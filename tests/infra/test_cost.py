"""What a day costs: arithmetic with exact money, and what saturates."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from infra.projects import made

from puntual.cli.costed import PRICES_FILE
from puntual.errors import ProjectError
from puntual.planner.cost import PRICES, VOLUMES, Shape, estimate
from puntual.project.prices import read_prices

FREE = dict.fromkeys(PRICES, Decimal(0))
SHAPE = Shape(record=500, land=50_000, curate=50_000, load=12_500, workers=2, capacity=8)


def test_a_record_counts_in_whole_kib_on_its_way_into_a_stream() -> None:
    prices = {**FREE, "kinesis_gb_in": Decimal("0.08")}
    found = estimate(made(), 1_000_000, prices, SHAPE)
    assert found.amount == Decimal(1_000_000 * 1024) / 10**9 * Decimal("0.08")


def test_every_stream_costs_by_the_hour() -> None:
    prices = {**FREE, "kinesis_stream_hour": Decimal("0.04")}
    assert estimate(made(sources=3), 1, prices, SHAPE).amount == 3 * 24 * Decimal("0.04")


@pytest.mark.parametrize(
    ("events", "hours"),
    [
        (1, Decimal(3 * 60 * 2) / 3600),  # each of three jobs is billed for a minute
        (36_000_000, Decimal(2 * (360 + 360 + 360)) / 3600),
    ],
)
def test_a_job_is_billed_by_the_second_and_for_a_minute_at_least(
    events: int, hours: Decimal
) -> None:
    prices = {**FREE, "glue_dpu_hour": Decimal("0.44")}
    assert estimate(made(), events, prices, SHAPE).amount == hours * Decimal("0.44")


def test_plan_b_that_is_rehearsed_reads_raw_once_for_each_report() -> None:
    prices = {**FREE, "athena_tb": Decimal(5)}
    half = Decimal(10**9) * 500 * SHAPE.curated / 2
    found = estimate(made(reports=2, rehearsed=True), 10**9, prices, SHAPE)
    assert found.amount == 2 * half / 10**12 * 5
    assert estimate(made(reports=2), 10**9, prices, SHAPE).amount == 0


def test_the_whole_is_the_sum_of_its_services() -> None:
    _, prices = read_prices(PRICES_FILE, PRICES)
    for events in VOLUMES:
        found = estimate(made(), events, prices, Shape())
        assert found.amount == sum(line.amount for line in found.lines)
        assert all(isinstance(line.amount, Decimal) for line in found.lines)


def test_more_events_never_cost_less() -> None:
    _, prices = read_prices(PRICES_FILE, PRICES)
    amounts = [estimate(made(), events, prices, Shape()).amount for events in VOLUMES]
    assert amounts == sorted(amounts)


def test_a_small_day_saturates_nothing_and_a_large_one_says_what_to_raise() -> None:
    _, prices = read_prices(PRICES_FILE, PRICES)
    assert estimate(made(), VOLUMES[0], prices, Shape()).saturated == ()
    large = estimate(made(), VOLUMES[-1], prices, Shape()).saturated
    assert [each.service for each in large] == [
        "Glue job land",
        "Glue job curate",
        "Glue job load",
        "Lambda",
    ]
    assert all(each.raise_what and each.expected and each.observed for each in large)


def test_enough_workers_carry_a_large_day() -> None:
    _, prices = read_prices(PRICES_FILE, PRICES)
    shape = replace(Shape(), workers=100, capacity=256)
    services = {e.service for e in estimate(made(), VOLUMES[-1], prices, shape).saturated}
    assert not services & {"Glue job land", "Glue job curate", "Glue job load"}


def test_the_prices_are_dated_and_say_where_they_come_from() -> None:
    told, prices = read_prices(PRICES_FILE, PRICES)
    assert told["dated"] == "2026-11-26"
    assert "no guarantee" in told["source"]
    assert set(prices) == set(PRICES)


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("- 1", "none for kinesis_stream_hour"),
        ("kinesis_stream_hour: -1", "none for kinesis_stream_hour"),
        ("kinesis_stream_hour: much", "none for kinesis_stream_hour"),
        ("a: [", "ParserError"),
    ],
)
def test_prices_that_are_none_are_refused(tmp_path: Path, text: str, observed: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError) as refused:
        read_prices(file, PRICES)
    assert refused.value.code == "C1606"
    assert observed in refused.value.observed

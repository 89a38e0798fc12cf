"""A run that dies while it hands a delivery over: that one is finished, what came is the next."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.partial import approve, partial_project, send_cards, send_payments
from support.small import digests, only_delivery, run_day

DECIDED, AGAIN = "2026-03-03T06:50:00-06:00", "2026-03-03T06:55:00-06:00"
LATER = "2026-03-03T08:00:00-06:00"
STEM = "out/payments_daily_20260302"


@pytest.mark.row("f1", "f33")
def test_a_partial_file_that_was_handed_over_is_committed_and_then_replaced_in_full(
    tmp_path: Path,
) -> None:
    root = partial_project(tmp_path)
    send_payments(root)
    approve(root)
    died = run_day(root, as_of=DECIDED, env={"PUNTUAL_FAILPOINTS": "deliver.received=kill"})
    assert died.code == -signal.SIGKILL, died.err
    handed = digests(root / "out")
    send_cards(root)  # and now another file would have the same name

    again = run_day(root, "--json", as_of=AGAIN)

    assert again.code == 4, again.out + again.err
    first = only_delivery(again)
    assert (first["version"], first["completeness"]) == (1, "partial")
    assert digests(root / "out") == handed

    full = run_day(root, "--json", as_of=LATER)
    assert full.code == 0, full.out + full.err
    second = only_delivery(full)
    assert (second["version"], second["completeness"]) == (2, "full")
    assert "|15.00" in (root / f"{STEM}_v2.txt").read_text()
    assert {n: d for n, d in digests(root / "out").items() if "_v1." in n} == handed

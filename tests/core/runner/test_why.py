"""What the evidence says of a technical fault is the same on every machine."""

from __future__ import annotations

import pytest

from puntual.errors import PermanentError
from puntual.runner.again import why


@pytest.mark.parametrize(
    ("message", "where", "said"),
    [
        ("disk full at /srv/bank/.puntual/lake/.tmp/x", "/srv/bank/.puntual/lake/.tmp/x",
         "T1001 disk full"),
        ("state file busy: /srv/bank/state.db", "/srv/bank/state.db",
         "T1001 state file busy: state.db"),
        ("cards.db does not answer", "source cards", "T1001 cards.db does not answer"),
        ("the warehouse is busy", "", "T1001 the warehouse is busy"),
    ],
)  # fmt: skip
def test_why_plan_b_was_made_names_no_path_of_this_machine(
    message: str, where: str, said: str
) -> None:
    fault = PermanentError("T1001", message, where=where)
    assert why(fault) == f"the full report could not be made: {said}"

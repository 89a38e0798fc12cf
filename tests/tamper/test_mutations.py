"""A sample of `make tamper`: no change of a package is accepted with a changed claim."""

from __future__ import annotations

from pathlib import Path

import pytest
from tamper.mutate import campaign

SAMPLE = range(400)


@pytest.mark.row("f77", "h18")
def test_no_changed_package_is_accepted_and_both_verifiers_agree(tmp_path: Path) -> None:
    effective, harmless, wrong = campaign(tmp_path, SAMPLE)
    assert wrong == []
    assert effective > 360
    assert harmless < effective / 20

"""What is one for the whole session stands here: a fixture that is imported twice is made twice."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

# isort: off
from support import handlers  # first: it marks modules of the core that are not imported yet
from support.stage import stage, stage_python
# isort: on

if TYPE_CHECKING:
    import pytest

__all__ = ["stage", "stage_python"]


def pytest_configure(config: pytest.Config) -> None:
    """Watch which handlers of the core are run; thousands of tests are no garbage to look for."""
    gc.set_threshold(50_000)
    config.pluginmanager.register(handlers, "support.handlers")

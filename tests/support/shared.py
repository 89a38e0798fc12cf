"""Data of others that lies beside the repository: absent, a test skips at a desk, fails in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[3] / "shared" / "data"


def shared(name: str) -> Path:
    """Return a file or folder of `../shared/data`."""
    path = PLACE / name
    if not path.exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"../shared/data/{name} is not there")
    return path

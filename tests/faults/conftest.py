"""One laboratory for all tests of a process: copying the program and a clean run cost seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults.disturb import Lab

import puntual


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    source = Path(puntual.__file__).parent
    return Lab.at(tmp_path_factory.mktemp("faults") / "lab", source)

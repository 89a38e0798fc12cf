"""One laboratory for all tests of a process: copying the program and a clean run cost seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.disturb import Lab
from faults.start import Warm

import puntual


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab.at(tmp_path_factory.mktemp("faults") / "lab", Path(puntual.__file__).parent)
    lab.starter = Warm(lab.program.environment(), lab.folder)
    yield lab
    lab.starter.close()

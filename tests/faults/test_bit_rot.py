"""One bit of a stored object changes between two runs: it is seen before it is used."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from faults import oracle
from faults.cases import Case
from faults.disturb import Lab

KILLED = Case(scenario="first", means="failpoint", point="report.stored", fault="kill", nth=1)


@pytest.fixture(scope="session")
def half(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bank whose run was killed when everything but the report was committed."""
    root = tmp_path_factory.mktemp("rot") / "bank"
    shutil.copytree(lab.scenario("first").template, root)
    fault = f"{KILLED.point}={KILLED.fault}@1"
    lab.starter.run(
        lab.program.run(root, lab.scenario("first").day),
        lab.program.environment(PUNTUAL_FAILPOINTS=fault),
    )
    return root


def flip(file: Path, seed: int) -> None:
    """Change one bit of a file."""
    data = bytearray(file.read_bytes())
    place = random.Random(seed).randrange(len(data) * 8)
    data[place // 8] ^= 1 << place % 8
    file.chmod(0o600)
    file.write_bytes(data)


@pytest.mark.row("f7")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("area", ["raw", "curated", "manifests"])
def test_a_flipped_bit_is_named_or_healed_and_never_delivered(
    lab: Lab, half: Path, tmp_path: Path, area: str, seed: int
) -> None:
    scenario = lab.scenario("first")
    root = shutil.copytree(half, tmp_path / "bank")
    files = sorted(p for p in (root / ".puntual/lake" / area).rglob("*") if p.is_file())
    victim = files[seed * 7 % len(files)]
    whole = victim.read_bytes()
    flip(victim, seed)
    ran = lab.starter.run(lab.program.run(root, scenario.day), lab.program.environment())
    if ran.code == 0:
        assert list(oracle.losses(root, scenario.truth)) == []
        return
    assert ran.code == 3, ran.text
    assert victim.stem[:12] in ran.text
    assert "sha256" in ran.text
    assert oracle.delivered(root) == {}
    victim.write_bytes(whole)
    again = lab.starter.run(lab.program.run(root, scenario.day), lab.program.environment())
    assert again.code == 0, again.text
    assert list(oracle.losses(root, scenario.truth)) == []

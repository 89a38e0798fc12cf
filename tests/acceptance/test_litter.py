"""What damaged disks and dead runs leave: made again from raw, removed when provably dead."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.small import (
    AS_OF,
    DAY,
    digests,
    drop,
    good_day,
    only_delivery,
    puntual,
    run_day,
    vouch,
    write_project,
)

LAKE = ".puntual/lake"
DAYS_3 = 3 * 24 * 3600


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day that was carried out and is held: its control record is wrong."""
    root = write_project(tmp_path_factory.mktemp("held"))
    drop(root)
    vouch(root, 5, "330.35")
    assert run_day(root).code == 1
    return root


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = good_day(tmp_path_factory.mktemp("sent"))
    assert run_day(root).code == 0
    return root


@pytest.fixture
def root(held: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(held, tmp_path / "project"))


def _only(root: Path, area: str) -> Path:
    """Return one object of an area, the largest."""
    found = [p for p in (root / LAKE / area).rglob("*") if p.is_file()]
    return max(found, key=lambda p: p.stat().st_size)


def _flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.chmod(0o640)
    path.write_bytes(bytes(data))


@pytest.mark.row("f6", "f7")
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("area", ["curated/payments", "curated/movements"])
def test_derived_data_that_is_damaged_is_made_again_from_raw_and_says_so(
    root: Path, area: str, at: float
) -> None:
    before = digests(root / LAKE / "curated")
    damaged = _only(root, area)
    _flip(damaged, at)
    ran = run_day(root)
    assert ran.code == 1, ran.out + ran.err
    assert f"made again: V1002 {damaged.relative_to(root / LAKE)}" in ran.out
    assert f"expected sha256 {damaged.stem}" in ran.out
    assert digests(root / LAKE / "curated") == before


@pytest.mark.row("f7")
def test_derived_data_that_is_gone_is_made_again(root: Path) -> None:
    before = digests(root / LAKE / "curated")
    shutil.rmtree(root / LAKE / "curated")
    ran = run_day(root)
    assert "made again: V1001" in ran.out, ran.out + ran.err
    assert digests(root / LAKE / "curated") == before


@pytest.mark.row("f7")
def test_a_manifest_of_a_derived_step_that_is_damaged_is_made_again(root: Path) -> None:
    (manifest,) = [
        p
        for p in (root / LAKE / "manifests").glob("*.json")
        if b'"step":"build:movements"' in p.read_bytes()
    ]
    before = digests(root / LAKE / "manifests")
    _flip(manifest, 0.5)
    ran = run_day(root)
    assert "made again: V1002" in ran.out, ran.out + ran.err
    assert digests(root / LAKE / "manifests") == before


@pytest.mark.row("f7", "f77")
def test_raw_that_is_damaged_stops_the_run_and_is_named(root: Path) -> None:
    raw = _only(root, "raw/payments")
    shutil.rmtree(root / "inbox")
    _flip(raw, 0.5)
    ran = run_day(root)
    assert ran.code == 3, ran.out
    assert "V1002" in ran.err
    assert str(raw.relative_to(root / LAKE)) in ran.err
    assert f"sha256 {raw.stem}" in ran.err


OF_DELIVER = 10
"""Which step of the small day hands over, from 1."""


@pytest.mark.row("f7", "f77")
@pytest.mark.parametrize(
    "stopped",
    ["report.laid_out", f"step.begun@{OF_DELIVER}", "deliver.placed"],
    ids=["before the report is made", "before it leaves", "while it leaves"],
)
def test_raw_that_another_run_landed_and_is_altered_is_not_delivered_until_it_is_restored(
    tmp_path: Path, stopped: str
) -> None:
    """The amount of one payment is another, of the same length, in the object as it was landed."""
    root = good_day(tmp_path)
    point, _, nth = stopped.partition("@")
    fault = f"{point}=raise:PermanentError{f'@{nth}' if nth else ''}"
    assert run_day(root, env={"PUNTUAL_FAILPOINTS": fault}).code == 3
    left = digests(root / "out") if (root / "out").exists() else {}
    raw = _only(root, "raw/payments")
    whole = raw.read_bytes()
    assert b"p1;c1;100.00" in whole
    raw.chmod(0o640)
    raw.write_bytes(whole.replace(b"p1;c1;100.00", b"p1;c1;100.10"))

    ran = run_day(root)

    assert ran.code == 3, ran.out
    assert f"V1002  object {raw.relative_to(root / LAKE)}" in ran.err
    assert f"sha256 {raw.stem}" in ran.err
    assert (digests(root / "out") if (root / "out").exists() else {}) == left
    assert not list((root / "evidence").glob("payments_daily_*"))
    raw.write_bytes(whole)
    restored = run_day(root)
    assert restored.code == 0, restored.out + restored.err
    assert puntual(root, "verify", "-d", DAY).code == 0


def test_raw_of_a_day_that_was_delivered_is_not_read_again_by_a_run_that_has_nothing_to_send(
    sent: Path, tmp_path: Path
) -> None:
    """A run of a delivered day stays as quick as it is; `puntual verify` reads everything."""
    root = Path(shutil.copytree(sent, tmp_path / "project"))
    _flip(_only(root, "raw/payments"), 0.5)
    assert run_day(root).code == 0
    assert puntual(root, "verify", "-d", DAY).code == 1


def _object(root: Path, name: str, *, age: float) -> Path:
    path = root / LAKE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"of a run that died")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_only_what_nothing_names_and_is_older_than_any_run_is_collected(root: Path) -> None:
    vouch(root, 4, "330.35")
    assert run_day(root).code == 0
    for path in (root / LAKE).rglob("*"):  # all of it is old, also what was superseded
        os.utime(path, (time.time() - DAYS_3,) * 2)
    named = digests(root / LAKE)
    dead = _object(root, "curated/x/reference_date=2026-03-02/build=0/f.parquet", age=DAYS_3)
    young = _object(root, "curated/x/reference_date=2026-03-02/build=1/f.parquet", age=60)
    orphan = _object(root, f"manifests/{'0' * 64}.json", age=DAYS_3)
    listed = puntual(root, "doctor", "--collect", "--dry-run", "--json")
    assert listed.data["removed"] is False
    assert [o["name"] for o in listed.data["objects"]] == [  # type: ignore[attr-defined]
        str(p.relative_to(root / LAKE)) for p in (dead, orphan)
    ]
    assert dead.exists()
    ran = puntual(root, "doctor", "--collect")
    assert ran.code == 0, ran.err
    assert "2 objects that nothing names removed" in ran.out
    assert (dead.parent.exists(), young.exists(), orphan.exists()) == (False, True, False)
    young.unlink()
    assert digests(root / LAKE) == named
    assert puntual(root, "verify", "-d", DAY).code == 0


@pytest.mark.row("f7")
def test_nothing_is_collected_while_a_published_manifest_cannot_be_read(root: Path) -> None:
    dead = _object(root, "curated/x/f.parquet", age=DAYS_3)
    _flip(next((root / LAKE / "manifests").glob("*.json")), 0.5)
    ran = puntual(root, "doctor", "--collect")
    assert (ran.code, "V1002" in ran.err, dead.exists()) == (3, True, True)


@pytest.mark.row("f56")
def test_nothing_is_collected_while_a_run_is_going_on(root: Path) -> None:
    dead = _object(root, "curated/x/f.parquet", age=DAYS_3)
    holds = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from puntual.runner.clock import SystemClock\n"
        "from puntual.local.pointers import SqliteLeases\n"
        "with SqliteLeases(Path(sys.argv[1]), SystemClock()).acquire('run'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    state = str(root / ".puntual/state.db")
    with subprocess.Popen([sys.executable, "-c", holds, state], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        ran = puntual(root, "doctor", "--collect")
        run.kill()
    assert (ran.code, "T2003" in ran.err, dead.exists()) == (3, True, True)


@pytest.mark.row("f1", "f3")
def test_the_next_start_removes_what_was_left_half_way(sent: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(sent, tmp_path / "project"))
    left = [
        root / LAKE / ".tmp/0123",
        root / f".puntual/state.commits/.tmp/.puntual-{'4' * 32}",
        root / f".puntual/ledger/.tmp/.puntual-{'5' * 32}",
        root / f".puntual/keys/.puntual-{'6' * 32}",
        root / f".puntual-{'7' * 32}",
        root / ".puntual/trial-0123456789ab/0/x",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    os.utime(root / ".puntual/trial-0123456789ab", (0, 0))
    seen = puntual(root, "doctor", "--json").data["answers"]
    assert isinstance(seen, list)
    (litter,) = [a for a in seen if a["about"] == "litter"]
    assert litter["level"] == "warn"
    drop(root, ("p1;c1;1.00;2026-03-03",), day="2026-03-03")
    vouch(root, 1, "1.00", day="2026-03-03")
    ran = run_day(root, "--json", day="2026-03-03", as_of=AS_OF.replace("03-03", "03-04"))
    assert only_delivery(ran)["state"] == "sent"
    assert [p for p in left if p.exists()] == []

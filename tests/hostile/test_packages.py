"""h18: a package to verify was written by somebody else; everything is bounded and answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from core.evidence.test_package import bad, lines_of, package_of
from tamper.bank import bank

from puntual.errors import EvidenceError
from puntual.evidence import canonical
from puntual.evidence.verify import MAX_FILES, holds, verify


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def stated(edit: Callable[[dict[str, object]], None]) -> dict[str, bytes]:
    """Return the package with a statement that was edited and written canonically again."""
    files = package_of()
    statement = json.loads(files["statement.json"])
    edit(statement)
    return {**files, "statement.json": canonical.encode(statement)}


def verdict(root: Path, pack: Path, key: str) -> tuple[int, str]:
    asked = ["verify", str(pack), "--root", key, "--state", str(root / "seen.json")]
    done = subprocess.run(
        [sys.executable, "-m", "puntual.cli.main", "-C", str(root), *asked],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.row("h18")
@pytest.mark.parametrize(
    "delivery",
    [
        "x",
        "a/b/c/d",
        "../../x/2026-11-20/v1",
        "credit_daily/2026-99-20/v1",
        "credit_daily/2026-11-20/v01",
        "credit_daily/2026-11-20/v1\x1b[2J",
        "",
    ],
)
def test_a_delivery_of_another_form_is_no_statement(delivery: str) -> None:
    def edit(statement: dict[str, object]) -> None:
        statement["predicate"]["delivery"]["id"] = delivery  # type: ignore[index]

    assert any("is not a statement" in line for line in bad(stated(edit)))


@pytest.mark.row("h18")
@pytest.mark.parametrize(
    ("part", "value"),
    [("report", "../x"), ("reference_date", "2026-11-21"), ("version", "2"), ("version", "-1")],
)
def test_a_delivery_that_says_two_things_of_itself_is_no_statement(part: str, value: str) -> None:
    def edit(statement: dict[str, object]) -> None:
        statement["predicate"]["delivery"][part] = value  # type: ignore[index]

    assert any("is not a statement" in line for line in bad(stated(edit)))


@pytest.mark.row("h18")
def test_a_file_that_is_stated_twice_is_no_statement() -> None:
    def edit(statement: dict[str, object]) -> None:
        subjects = statement["subject"]
        assert isinstance(subjects, list)
        subjects.append({**subjects[0], "digest": {"sha256": "0" * 64}})

    assert any("is not a statement" in line for line in bad(stated(edit)))


@pytest.mark.row("h18")
def test_a_folder_of_very_many_files_is_not_read() -> None:
    def read(name: str) -> bytes:
        raise AssertionError(name)

    lines = verify([str(i) for i in range(MAX_FILES + 1)], read)
    assert not holds(lines)
    assert f"at most {MAX_FILES}" in lines[0].sentence


@pytest.mark.row("h18", "h11")
@pytest.mark.parametrize(
    "data",
    [
        b"[" * (64 << 20),
        b"[" + b"[]," * 20_000_000 + b"[]]",
        b"[" + b"1," * 30_000_000 + b"1]",
        b'{"a":' * 5_000_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"9" * 20_000_000,
        b"1e999999999",
        b'"\\ud800"',
        b'{"a":1,"a":1}',
        b"[1.0]",
        b"NaN",
        b" 1",
        b"\xef\xbb\xbf1",
        b"x" * ((64 << 20) + 1),
    ],
    ids=lambda data: f"{bytes(data[:8])!r} of {len(data)}",
)
def test_a_document_that_would_exhaust_a_reader_is_refused_quickly(data: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(EvidenceError, match="V2001"):
        canonical.decode(data)
    assert time.monotonic() - began < 30


@pytest.mark.row("h18", "h9", "h8")
def test_what_is_no_plain_file_of_the_package_is_named_and_never_followed(tmp_path: Path) -> None:
    made = bank(tmp_path / "bank")
    files = made.deliver(1)
    plain = written(tmp_path / "plain", files)
    assert verdict(tmp_path, plain, made.fingerprint)[0] == 0

    def fifo(pack: Path) -> None:
        os.mkfifo(pack / "pipe")

    def link(pack: Path) -> None:
        (pack / "statement.dsse.json").unlink()
        (pack / "statement.dsse.json").symlink_to("/etc/passwd")

    def escapes(pack: Path) -> None:
        (pack / "a\x1b[2J\nVERIFIED at L2").write_text("x")

    def undecodable(pack: Path) -> None:
        Path(os.fsdecode(os.fsencode(pack) + b"/\xff")).write_text("x")

    def folder(pack: Path) -> None:
        (pack / "folder").mkdir()

    def huge(pack: Path) -> None:
        with (pack / "huge").open("wb") as file:
            file.truncate(1 << 40)

    for number, harm in enumerate((fifo, link, escapes, undecodable, folder, huge)):
        pack = written(tmp_path / str(number), files)
        harm(pack)
        code, said = verdict(tmp_path, pack, made.fingerprint)
        assert code == 1, said
        assert "NOT VERIFIED" in said.splitlines()[-1]
        assert not any(line.strip()[:11] == "VERIFIED at" for line in said.splitlines())
        assert all(line.isprintable() for line in said.splitlines()), said
        assert "root:" not in said


@pytest.mark.row("h18")
def test_a_package_that_nobody_touched_is_still_verified() -> None:
    assert bad(package_of()) == []
    assert holds(lines_of(package_of()))

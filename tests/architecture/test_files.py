"""No file names a registry's host or a path of the machine it was written on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOSTS = (  # in two halves, so that this file does not name them either
    ("pypi", ".org"),
    ("pythonhosted", ".org"),
    ("crates", ".io"),
    ("proxy.golang", ".org"),
    ("npmjs", ".org"),
    ("maven.apache", ".org"),
    ("deb.debian", ".org"),
)
FORBIDDEN = re.compile(
    "|".join(re.escape("".join(host)) for host in HOSTS) + r"|(?<![\w.\-])/(?:work|tmp/x)/"
)


def offences(name: str, text: str) -> list[str]:
    """Return `file:line` of every host and machine path in a text."""
    return [
        f"{name}:{number}"
        for number, line in enumerate(text.splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]


def repository_files() -> list[str]:
    """Return what git tracks or would track."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: the files of the repository are not known")
    command = [git, "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_registry_host_or_a_machine_path() -> None:
    found: list[str] = []
    for name in repository_files():
        if name != "tests/architecture/test_files.py":
            found += offences(name, (ROOT / name).read_bytes().decode("utf-8", "replace"))
    assert found == []


@pytest.mark.row("h17")
def test_requirements_are_locked_by_hash_and_name_no_index() -> None:
    for name in ("run", "demo", "dev"):
        text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9-]+==\S+", text, re.MULTILINE)
        assert len(pinned) > 20
        assert "://" not in text
        assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE)
        entries = re.split(r"\n(?=[a-z])", text.strip())
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("index = https://" + "pypi" + ".org/simple", 1),
        ("open('/wo" + "rk/main/x')", 1),
        ("rm -rf /bench/work/ bench/work/day", 0),
        ("a package on PyPI", 0),
    ],
)
def test_a_host_or_a_machine_path_is_seen(text: str, lines: int) -> None:
    assert len(offences("x", text)) == lines

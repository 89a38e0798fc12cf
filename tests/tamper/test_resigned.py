"""What a bank has signed in another form is refused by both verifiers, or accepted by both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tamper.bank import Judge, bank
from tamper.resigned import Issuer, campaign, nested

VERIFIER = Path(__file__).resolve().parents[2] / "verifier" / "verify_delivery.py"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(bank(tmp_path_factory.mktemp("issuer") / "bank"))


def judged(issuer: Issuer, tmp_path: Path, stage: str, change: Any) -> bool:
    judge = Judge(tmp_path, issuer.bank.fingerprint)
    return judge.forgetful(issuer.issue(stage, change))


def set_(path: str, value: object) -> Any:
    """Return a change that puts a value at a path of keys and numbers; None takes it away."""

    def change(given: Any) -> Any:
        *way, last = [int(k) if k.isdigit() else k for k in path.split(".")]
        place = given
        for key in way:
            place = place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return given

    return change


def without(list_: str, name: str) -> Any:
    """Return a change that takes a file out of a statement's list."""

    def change(given: Any) -> Any:
        at = given["predicate"] if list_ == "documents" else given
        at[list_] = [one for one in at[list_] if one["name"] != name]
        return given

    return change


def twice(path: str) -> Any:
    def change(given: Any) -> Any:
        place = given
        for key in path.split("."):
            place = place[key]
        place.append(place[0])
        return given

    return change


def turned(path: str) -> Any:
    def change(given: Any) -> Any:
        place = given
        for key in path.split("."):
            place = place[key]
        place.reverse()
        return given

    return change


def test_what_is_signed_in_the_right_form_is_accepted(issuer: Issuer, tmp_path: Path) -> None:
    assert judged(issuer, tmp_path, "", lambda v: v)


@pytest.mark.row("f77")
@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("statement", set_("predicate.delivery.id", "a_report/2026-11-21/v1")),
        ("statement", set_("predicate.delivery.version", "7")),
        ("statement", set_("predicate.delivery.report", "A Report")),
        ("statement", without("documents", "VERIFY.txt")),
        ("statement", without("documents", "evidence.html")),
        ("statement", without("subject", "exceptions.txt")),
        ("statement", without("subject", "report.txt")),
        ("statement", set_("predicate.extra", "1")),
        ("statement", set_("predicate.hops", None)),
        ("statement", set_("predicate.hops", [1.5])),
        ("statement", set_("predicate.hops", [float("nan")])),
        ("statement", set_("predicate.hops", [2**60])),
        ("statement", set_("predicate.hops", nested(90))),
        ("statement", set_("predicate.hops", [{"ñ": "1"}])),
        ("statement", set_("_type", "https://in-toto.io/Statement/v0.1")),
        ("statement", set_("predicate.schema", "another")),
        ("statement", set_("predicate.code", "no digest")),
        ("statement", set_("predicate.completeness", "since")),
        ("statement", twice("subject")),
        ("statement", twice("predicate.manifests")),
        ("statement", turned("predicate.documents")),
        ("leaf", set_("extra", "1")),
        ("leaf", set_("schema", "puntual/event/9")),
        ("leaf", set_("at", "2026-11-23T12:00:00+00:00")),
        ("trust", set_("schema", "puntual/trust/2")),
        ("trust", set_("thresholds.0.full", {"approver": "0", "pipeline": "0"})),
        ("trust", set_("thresholds.0.full", {})),
        ("trust", set_("thresholds.0.since", "1")),
        ("trust", set_("keys.0.x", "1")),
        ("trust", set_("keys.0.role", "witness")),
        ("trust", twice("keys")),
        ("trust", turned("keys")),
        ("manifest", set_("schema", "puntual/manifest/2")),
        ("manifest", set_("totals.sums.amount", "-0.00")),
        ("manifest", set_("objects.0.bytes", 18)),
        ("manifests", set_("schema", "puntual/manifests/2")),
        ("exceptions", set_("exceptions", {})),
        ("consistency", set_("proofs", {})),
    ],
)
def test_what_is_signed_in_another_form_is_refused_by_both(
    issuer: Issuer, tmp_path: Path, stage: str, change: Any
) -> None:
    assert not judged(issuer, tmp_path, stage, change)


def test_of_a_sample_of_signed_oddities_both_say_the_same(tmp_path: Path) -> None:
    tried, accepted = campaign(tmp_path, range(80))
    assert (tried, accepted < tried / 3) == (80, True)


def test_a_folder_of_large_files_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """10 files of 64 MiB without a byte in them; a process that may have 300 MiB in all."""
    folder = tmp_path / "package"
    folder.mkdir()
    for number in range(10):
        with open(folder / f"x{number}", "wb") as file:
            file.truncate(64 << 20)
    program = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (300 << 20,) * 2); "
        f"sys.argv = ['v', {str(folder)!r}, '--state', {str(tmp_path / 's')!r}]; "
        f"runpy.run_path({str(VERIFIER)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, "over 256 files or 256 MiB" in done.stdout) == (1, True), done.stderr


def test_the_one_file_has_at_most_300_lines() -> None:
    assert len(VERIFIER.read_text(encoding="utf-8").splitlines()) <= 300

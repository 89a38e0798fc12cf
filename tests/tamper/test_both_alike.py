"""Where the format leaves a corner, both verifiers say the same: of packages, proofs, memories."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tamper.bank import VERIFIER, Bank, Files, Judge, bank, written
from tamper.resigned import Issuer, spelled

from puntual.cli.main import main
from puntual.evidence.digest import sha256
from puntual.evidence.trust import Role, TrustedKey

pytestmark = pytest.mark.row("f77")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(bank(tmp_path_factory.mktemp("issuer") / "bank"))


def codes(issuer: Issuer, place: Path, files: Files, *more: str, root: bool = True) -> list[int]:
    """Return what the two commands end with; each has a memory of its own."""
    folder = written(place / "package", files)
    more = (*more, *(("--root", issuer.bank.fingerprint) if root else ()))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        one = VERIFIER.main([str(folder), "--state", str(place / "one.json"), *more])
        own = ("--level", "1", "--state", str(place / "two.json"))
        two = main(["-C", str(place), "verify", str(folder), *own, *more])
    return [one, two]


def documents(**files: bytes) -> Callable[[Any], Any]:
    """Return a change that states further documents."""

    def change(stated: Any) -> Any:
        listed = stated["predicate"]["documents"]
        listed += [{"name": n, "sha256": sha256(d)} for n, d in files.items()]
        listed.sort(key=lambda one: one["name"])
        return stated

    return change


def test_a_package_has_at_most_256_files_as_they_lie_in_its_folder(
    issuer: Issuer, tmp_path: Path
) -> None:
    judge = Judge(tmp_path, issuer.bank.fingerprint)
    few = len(issuer.issue())
    for many in (256, 257, 260):
        more = {f"doc{n:03}.txt": b"%d" % n for n in range(many - few)}
        assert judge.forgetful(issuer.issue("statement", documents(**more)) | more) == (many == 256)


@pytest.mark.parametrize("name", ["statement.json", "manifests.json"])
@pytest.mark.parametrize("kind", ["document", "report"])
def test_no_stated_file_has_the_name_of_what_is_packed(
    issuer: Issuer, tmp_path: Path, name: str, kind: str
) -> None:
    def renamed(stated: Any) -> Any:
        for one in stated["subject"]:
            one["name"] = name if one["name"] == "report.txt" else one["name"]
        stated["subject"].sort(key=lambda one: one["name"])
        return stated

    change = documents(**{name: b"1|2.00\n"}) if kind == "document" else renamed
    files = issuer.issue("statement", change) | {name: b"1|2.00\n"}
    if kind == "report":
        files.pop("report.txt", None)
    assert not Judge(tmp_path, issuer.bank.fingerprint).forgetful(files)


BIG = str(2**40 + 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["proofs"][0].update(hashes=[base64.b64encode(b"x" * 32).decode()]),
        lambda found: found.update(size="1"),
        lambda found: found.update(proofs=[], size=BIG),
        lambda found: found.update(proofs=[], size="1" + "0" * 37),
    ],
    ids=["a false one", "of a larger tree", "a size above the bound", "a size of 38 digits"],
)
def test_a_further_proof_that_is_wrong_is_refused_whether_or_not_it_is_needed(
    issuer: Issuer, tmp_path: Path, change: Callable[[Any], object]
) -> None:
    made = bank(tmp_path / "bank")
    proof = json.loads(made.deliver(2)["consistency.json"] if made.deliver(1) else b"")
    assert proof["proofs"]
    path = tmp_path / "further"
    path.write_bytes(spelled(proof))
    assert codes(issuer, tmp_path, issuer.issue(), "--consistency", str(path)) == [0, 0]
    change(proof)
    path.write_bytes(spelled(proof))
    assert codes(issuer, tmp_path, issuer.issue(), "--consistency", str(path)) == [1, 1]


def der(key: Any) -> bytes:
    found = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert isinstance(found, bytes)
    return found


def with_key(public: bytes, role: str, name: str = "another") -> Callable[[Any], Any]:
    """Return a change that lists a key in the trust file."""
    key = {"keyid": sha256(public), "name": name, "role": role, "why": "", "since": "0"}

    def change(found: Any) -> Any:
        found["keys"].append(key | {"until": None, "public": base64.b64encode(public).decode()})
        found["keys"].sort(key=lambda one: one["keyid"])
        return found

    return change


@pytest.mark.parametrize("role", ["log", "approver"])
@pytest.mark.parametrize("hint", ["", "of Ed25519", "of the whole key"])
@pytest.mark.parametrize(
    "public",
    [
        der(x25519.X25519PrivateKey.generate()),
        b"0" * 44,
        b"0" * 91,
        der(ec.generate_private_key(ec.SECP384R1())),
    ],
    ids=["X25519", "44 bytes", "91 bytes", "P-384"],
)
def test_a_trust_file_with_a_key_that_is_neither_ed25519_nor_p256_is_refused(
    issuer: Issuer, tmp_path: Path, public: bytes, role: str, hint: str
) -> None:
    files = issuer.issue("trust", with_key(public, role))
    origin = issuer.bank.trust.origin
    raw = origin.encode() + b"\n\1" + public[12:] if hint == "of Ed25519" else public
    code = base64.b64encode(hashlib.sha256(raw).digest()[:4] + b"s" * 64).decode()
    if hint:
        files["statement.tlog-proof"] += f"\u2014 {origin} {code}\n".encode()
    assert not Judge(tmp_path, issuer.bank.fingerprint).forgetful(files)


def test_a_p256_key_beside_the_others_is_none_that_is_refused(
    issuer: Issuer, tmp_path: Path
) -> None:
    files = issuer.issue("trust", with_key(der(ec.generate_private_key(ec.SECP256R1())), "log"))
    assert Judge(tmp_path, issuer.bank.fingerprint).forgetful(files)


@pytest.mark.parametrize(
    ("role", "name", "good"),
    [
        ("approver", "ana", True),
        ("approver", "pipeline", False),
        ("pipeline", "log", False),
        ("pipeline", "pipeline", True),
    ],
)
def test_a_name_has_keys_in_one_role_alone(
    issuer: Issuer, tmp_path: Path, role: str, name: str, good: bool
) -> None:
    change = with_key(der(Ed25519PrivateKey.generate()), role, name)
    judge = Judge(tmp_path, issuer.bank.fingerprint)
    assert judge.forgetful(issuer.issue("trust", change)) == good


def test_a_line_whose_four_bytes_are_those_of_two_log_keys_is_refused(tmp_path: Path) -> None:
    """Two seeds whose keys have one key id under this origin were found by trying 85,576."""
    made = Bank(tmp_path / "bank")
    made.keys.begin("bank")
    seeds = (hashlib.sha256(number).digest() for number in (b"11967", b"85575"))
    pair = sorted(map(Ed25519PrivateKey.from_private_bytes, seeds), key=lambda k: sha256(der(k)))
    private = pair[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = made.root / "keys" / f"{sha256(der(pair[1]))[:16]}.pem"
    path.write_bytes(private)
    path.chmod(0o600)
    current = made.trust
    logs = [TrustedKey(name=f"log{n}", role=Role.LOG, public=der(k)) for n, k in enumerate(pair)]
    others = [key for key in current.keys if key.role is not Role.LOG]
    for path in (made.root / "keys").glob("trust.*.json"):
        path.unlink()
    for judge, keys, good in (("alone", logs[1:], True), ("both", logs, False)):
        trust = replace(current, origin="puntual/bank/00000000", keys=(*keys, *others))
        for path in (made.root / "keys").glob("trust.*.json"):
            path.unlink()
        made.keys._publish(trust, root=None, also=())
        (tmp_path / judge).mkdir()
        files = Issuer(made).issue()
        assert Judge(tmp_path / judge, made.fingerprint).forgetful(files) == good


ROOT_OF_OTHERS = base64.b64encode(b"\1" * 32).decode()
LEDGER: dict[str, Callable[[Any], object]] = {
    "no trust file": lambda held: held.update(trust=""),
    "its trust file in another spelling": lambda held: held.update(trust=held["trust"] + "AAA"),
    "a size twice": lambda held: held["checkpoints"].append(held["checkpoints"][0]),
    "a size twice with another root": lambda held: held["checkpoints"].insert(
        0, {"size": held["checkpoints"][0]["size"], "root": ROOT_OF_OTHERS}
    ),
    "size 0": lambda held: held["checkpoints"].insert(0, {"size": "0", "root": ROOT_OF_OTHERS}),
    "size 0 proven": lambda held: held["proven"].insert(0, {"size": "0", "root": ROOT_OF_OTHERS}),
    "sizes descending": lambda held: held["checkpoints"].insert(
        0, {"size": "9", "root": ROOT_OF_OTHERS}
    ),
    "a size above the bound": lambda held: held["checkpoints"].append(
        {"size": BIG, "root": ROOT_OF_OTHERS}
    ),
    "an index above the bound": lambda held: held["reports"].update(a_report="1" + "0" * 13),
    "an index of 38 digits": lambda held: held["reports"].update(a_report="1" * 38),
    "a root in another spelling": lambda held: held["checkpoints"][0].update(root="A" * 42 + "B="),
    "a fingerprint in capitals": lambda held: held.update(root=held["root"].upper()),
    "a key more": lambda held: held.update(more="1"),
}


@pytest.mark.parametrize("of", ["this ledger", "another"])
@pytest.mark.parametrize("case", LEDGER)
def test_a_memory_of_another_form_ends_both_with_1(
    issuer: Issuer, tmp_path: Path, case: str, of: str
) -> None:
    assert codes(issuer, tmp_path, issuer.issue()) == [0, 0]
    for name in ("one.json", "two.json"):
        memory = json.loads((tmp_path / name).read_bytes())
        ((origin, held),) = memory["ledgers"].items()
        if of == "another":
            held = memory["ledgers"][f"{origin}0"] = json.loads(json.dumps(held))
            held["root"] = "f" * 64
        LEDGER[case](held)
        (tmp_path / name).write_bytes(spelled(memory))
    before = (tmp_path / "two.json").read_bytes()
    assert codes(issuer, tmp_path, issuer.issue()) == [1, 1]
    assert (tmp_path / "two.json").read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"ledgers":{}}', b"[" * 5000])
def test_a_memory_that_is_none_ends_both_with_1(
    issuer: Issuer, tmp_path: Path, data: bytes
) -> None:
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_bytes(data)
    assert codes(issuer, tmp_path, issuer.issue()) == [1, 1]


def test_a_memory_that_is_a_link_is_refused_and_left_as_it_is(
    issuer: Issuer, tmp_path: Path
) -> None:
    for name in ("one.json", "two.json"):
        (tmp_path / name).symlink_to(tmp_path / f"nowhere-{name}")
    assert 0 not in codes(issuer, tmp_path, issuer.issue())
    assert all((tmp_path / name).is_symlink() for name in ("one.json", "two.json"))


def test_a_file_that_the_caller_names_may_be_a_link(issuer: Issuer, tmp_path: Path) -> None:
    files = issuer.issue()
    for name in ("trust.json", "consistency.json"):
        (tmp_path / f"given-{name}").write_bytes(files[name])
        (tmp_path / name).symlink_to(tmp_path / f"given-{name}")
    given = ("--trust", str(tmp_path / "trust.json"))
    further = ("--consistency", str(tmp_path / "consistency.json"))
    assert codes(issuer, tmp_path, files, *given, *further, root=False) == [0, 0]

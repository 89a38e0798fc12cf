"""The trust file of a deployed project: laid down once, by the root key of a person."""

from __future__ import annotations

import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.aws import client_on

from puntual.aws.pseudonyms import secret_of
from puntual.aws.settings import Settings
from puntual.aws.stage.standing import Standing
from puntual.cli import books, founded
from puntual.cli.deployed_keys import DeployedKeys
from puntual.errors import PermanentError, ProjectError
from puntual.evidence import dsse, trust
from puntual.evidence.trust import Role, Trust
from puntual.evidence.trust_keys import verifies


@pytest.fixture
def kms(stage: Standing, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in stage.environment().items():
        monkeypatch.setenv(name, value)
    return client_on(stage, "kms")


@pytest.fixture
def told(stage: Standing, kms: Any) -> dict[str, str]:
    """What a deployment with a bucket of its own and two new keys says of itself."""
    bucket = f"b{uuid.uuid4().hex[:12]}"
    client_on(stage, "s3").create_bucket(Bucket=bucket)
    return {
        "PUNTUAL_PROJECT": "p",
        "PUNTUAL_LAKE": bucket,
        "PUNTUAL_DELIVERIES": bucket,
        "PUNTUAL_EVIDENCE": bucket,
        "PUNTUAL_SIGNER": signing(kms),
        "PUNTUAL_LOG_SIGNER": signing(kms),
    }


def signing(kms: Any) -> str:
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    return str(made["KeyMetadata"]["Arn"])


def public(kms: Any, key: str) -> bytes:
    return bytes(kms.get_public_key(KeyId=key)["PublicKey"])


def test_the_first_deployment_lays_the_trust_file_down_and_the_next_finds_it(
    kms: Any, told: dict[str, str], tmp_path: Path
) -> None:
    first = founded.found(tmp_path, "bank", told, None)
    assert first.begun
    keys = {key.role: key.public for key in first.current.keys}
    assert keys == {
        Role.PIPELINE: public(kms, told["PUNTUAL_SIGNER"]),
        Role.LOG: public(kms, told["PUNTUAL_LOG_SIGNER"]),
    }
    assert [p.name for p in (tmp_path / ".puntual/keys").iterdir()] == ["root.pem"]
    again = founded.found(tmp_path / "another", "bank", told, None)
    assert (again.begun, again.data) == (False, first.data)
    assert not (tmp_path / "another").exists()


@pytest.mark.parametrize(
    ("which", "role"), [("PUNTUAL_SIGNER", "pipeline"), ("PUNTUAL_LOG_SIGNER", "log")]
)
def test_a_deployed_key_that_the_trust_file_does_not_name_is_refused(
    kms: Any, told: dict[str, str], tmp_path: Path, which: str, role: str
) -> None:
    founded.found(tmp_path, "bank", told, None)
    told[which] = signing(kms)
    with pytest.raises(
        PermanentError, match=rf"does not name the deployed key of {role}"
    ) as raised:
        founded.found(tmp_path, "bank", told, None)
    assert raised.value.code == "V5001"


VARIABLE = {Role.PIPELINE: "PUNTUAL_SIGNER", Role.LOG: "PUNTUAL_LOG_SIGNER"}


def keys_of(told: dict[str, str], root: Path) -> DeployedKeys:
    signer = founded._signer("bank", Settings.from_environment(told))
    return DeployedKeys(books.keys_path(root), lambda name: name, signer)


def standing(current: Trust, role: Role) -> list[tuple[str, int, int | None]]:
    found = [(k.name, k.since, k.until) for k in current.keys if k.role is role]
    return sorted(found, key=lambda key: key[1])


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.PIPELINE, [("pipeline.1", 0, 7), ("pipeline", 7, None)]),
        (Role.LOG, [("log.1", 0, 9), ("log", 8, None)]),
    ],
)
def test_a_key_of_kms_is_replaced_by_one_that_was_deployed_and_both_sign_that_it_is_so(
    kms: Any,
    told: dict[str, str],
    tmp_path: Path,
    role: Role,
    expected: list[tuple[str, int, int | None]],
) -> None:
    """At 7 entries: the checkpoint of the 8th, which tells of it, is signed by both of a log."""
    founded.found(tmp_path, "bank", told, None)
    old = told[VARIABLE[role]]
    told[VARIABLE[role]] = f"{old},{signing(kms)}"
    assert founded.found(tmp_path, "bank", told, None).waiting == (role,)
    keys = keys_of(told, tmp_path)
    found = keys.rotate(role.value, size=7)
    assert (found.version, standing(found, role)) == (2, expected)
    assert founded.found(tmp_path, "bank", told, None).waiting == ()

    signer = keys._signer
    envelope = dsse.decode(signer.trust(), trust.KIND)
    halves = {trust.fingerprint(p): p for p in (found.root, *signer.publics(role))}
    made = {s.keyid: s.sig for s in envelope.signatures}
    assert made.keys() == halves.keys()
    assert all(verifies(halves[k], envelope.pae, sig) for k, sig in made.items())

    def names(position: int) -> set[str]:
        return {made.name for made in signer.sign(role, b"bytes", position=position)}

    counting = [
        {name for name, since, until in expected if since <= at and (until is None or at < until)}
        for at in range(5, 12)
    ]
    assert [names(at) for at in range(5, 12)] == counting
    assert all(a & b for a, b in pairwise(counting)) == (role is Role.LOG)


def test_a_key_that_was_ended_is_followed_by_one_that_was_deployed(
    kms: Any, told: dict[str, str], tmp_path: Path
) -> None:
    founded.found(tmp_path, "bank", told, None)
    keys_of(told, tmp_path).revoke("pipeline", since=3, why="used by somebody")
    with pytest.raises(PermanentError, match="does not name the deployed key of pipeline"):
        founded.found(tmp_path, "bank", told, None)
    told["PUNTUAL_SIGNER"] = f"{told['PUNTUAL_SIGNER']},{signing(kms)}"
    assert founded.found(tmp_path, "bank", told, None).waiting == (Role.PIPELINE,)
    made = keys_of(told, tmp_path).create("second", Role.PIPELINE, size=5)
    assert standing(made, Role.PIPELINE) == [("pipeline", 0, 3), ("second", 5, None)]


def test_without_a_new_key_none_is_replaced_and_the_deployment_of_one_is_named(
    kms: Any, told: dict[str, str], tmp_path: Path
) -> None:
    founded.found(tmp_path, "bank", told, None)
    keys = keys_of(told, tmp_path)
    lacking = "no new key of log is deployed"
    with pytest.raises(PermanentError, match=lacking):
        keys.create("other", Role.LOG, size=7)
    with pytest.raises(PermanentError, match=lacking) as raised:
        keys.rotate("log", size=7)
    assert raised.value.code == "V5001"
    assert "puntual deploy --new-key log" in raised.value.next_step
    with pytest.raises(ProjectError, match="C1913"):
        keys.rotate("log", size=7, passphrase="env:ANY")
    assert keys.current.version == 1


def test_pseudonyms_have_one_secret_in_every_process_and_none_without_a_key(kms: Any) -> None:
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    here, there = secret_of(lambda: kms, key), secret_of(lambda: kms, key)
    assert here is not None
    assert there is not None
    assert here() == there()
    assert len(here()) == 32
    assert secret_of(lambda: kms, "") is None

"""The trust file of a deployed project: laid down once, by the root key of a person."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from support.aws import client_on

from puntual.aws.pseudonyms import secret_of
from puntual.aws.stage.standing import Standing
from puntual.cli import founded
from puntual.errors import PermanentError
from puntual.evidence.trust import Role


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


def test_pseudonyms_have_one_secret_in_every_process_and_none_without_a_key(kms: Any) -> None:
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    here, there = secret_of(lambda: kms, key), secret_of(lambda: kms, key)
    assert here is not None
    assert there is not None
    assert here() == there()
    assert len(here()) == 32
    assert secret_of(lambda: kms, "") is None

"""Envelopes that another implementation of DSSE reads and verifies as they are."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from tamper.bank import bank

from puntual.evidence import dsse
from puntual.evidence.trust import ED25519_PREFIX, Role

if find_spec("securesystemslib") is None and not os.environ.get("CI"):
    pytest.skip("securesystemslib is not installed", allow_module_level=True)

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def test_a_statement_is_verified_by_securesystemslib_and_an_altered_one_is_not(
    tmp_path: Path,
) -> None:
    made = bank(tmp_path / "bank", approvers=1)
    files = made.attest(1)
    made.approve(files, "person-0")
    data = made.packed(files)["statement.dsse.json"]
    keys = [
        SSlibKey(
            key.keyid,
            "ed25519",
            "ed25519",
            {"public": key.public.removeprefix(ED25519_PREFIX).hex()},
        )
        for role in (Role.PIPELINE, Role.APPROVER)
        for key in made.trust.of(role, made.ledger().size)
    ]
    envelope = Envelope.from_dict(json.loads(data))
    assert envelope.pae() == dsse.decode(data, dsse.STATEMENT).pae
    assert sorted(envelope.verify(keys, 2)) == sorted(key.keyid for key in keys)
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify(keys, 1)

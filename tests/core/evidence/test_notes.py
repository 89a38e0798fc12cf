"""Checkpoints, proof files and envelopes are read in the one form in which they are written."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from puntual.errors import EvidenceError
from puntual.evidence import checkpoint, dsse, tlog
from puntual.evidence.checkpoint import Checkpoint, NoteSignature, key_id
from puntual.evidence.merkle import Tree, leaf_hash
from puntual.evidence.tlog import Proof
from puntual.evidence.trust_keys import verifies

NOTE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
).encode()
"""The example of c2sp.org/tlog-checkpoint."""


def test_the_example_of_the_specification_is_read_and_written_back() -> None:
    found = checkpoint.decode(NOTE)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.signatures[0].key_id.hex() == "033de0ae"
    assert checkpoint.encode(found) == NOTE
    assert found.text == NOTE[: NOTE.index(b"\n\n") + 1]


@pytest.mark.row("h18")
@pytest.mark.parametrize(
    "edit",
    [
        (b"20852163", b"020852163"),
        (b"20852163", b"-1"),
        (b"20852163", b"99999999999999"),
        (b"2I=\n", b"2J=\n"),
        (b"2I=\n", b"2I=\nextension\n"),
        (b"2I=\n", b"2I=\r\n"),
        (b"\n\n", b"\n"),
        (b"example.com/behind", b"a+b example"),
        ("—".encode(), b"-"),
        (b"Q8=\n", b"Q8="),
        (b"Q8=\n", b"Q8=\n\n"),
        (b"Az3grlgtzP", b"Az3g rlgtzP"),
        (b"CsUY", b"Cs\xffY"),
    ],
)
def test_another_spelling_is_no_checkpoint(edit: tuple[bytes, bytes]) -> None:
    assert edit[0] in NOTE
    with pytest.raises(EvidenceError, match="V4001"):
        checkpoint.decode(NOTE.replace(*edit))


def test_a_note_with_seventeen_signatures_is_refused_and_one_with_sixteen_read() -> None:
    line = NOTE[NOTE.index("—".encode()) :]
    assert len(checkpoint.decode(NOTE + line * 15).signatures) == 16
    with pytest.raises(EvidenceError, match="V4001"):
        checkpoint.decode(NOTE + line * 16)


def proof() -> tuple[Proof, list[bytes]]:
    entries = [str(i).encode() for i in range(11)]
    tree = Tree(map(leaf_hash, entries))
    private = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    made = Checkpoint(origin="example.com/log", size=11, root=tree.root())
    public = private.public_key().public_bytes_raw()
    line = NoteSignature(
        name=made.origin, key_id=key_id(made.origin, public), signature=private.sign(made.text)
    )
    signed = Checkpoint(origin=made.origin, size=11, root=made.root, signatures=(line,))
    return Proof(index=4, path=tree.inclusion(4), checkpoint=signed), entries


def test_a_proof_file_says_where_an_entry_stands() -> None:
    made, entries = proof()
    text = tlog.encode(made)
    assert text.startswith(b"c2sp.org/tlog-proof@v1\nindex 4\n")
    found = tlog.decode(text)
    assert found == made
    assert [i for i, e in enumerate(entries) if found.holds(e)] == [4]


@pytest.mark.row("h18")
@pytest.mark.parametrize(
    "edit",
    [
        (b"@v1", b"@v2"),
        (b"index 4", b"index 04"),
        (b"index 4", b"index -4"),
        (b"index 4\n", b"extra YQ==\nindex 4\n"),
        (b"index 4\n", b"index 4\nxx\n"),
        (b"index 4\n", b""),
        (b"\n\n", b"\n"),
    ],
)
def test_another_spelling_is_no_proof(edit: tuple[bytes, bytes]) -> None:
    with pytest.raises(EvidenceError, match=r"V400[12]"):
        tlog.decode(tlog.encode(proof()[0]).replace(*edit, 1))


def test_the_encoding_that_is_signed_is_the_published_one() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_published_signature_of_the_dsse_specification_holds() -> None:
    public = _p256(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
    )
    signature = _der(
        base64.b64decode(
            "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
        )
    )
    signed = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert verifies(public, signed, signature)
    assert not verifies(public, signed + b" ", signature)


def _p256(x: int, y: int) -> bytes:
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
    return head + b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def _der(raw: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def test_an_envelope_is_read_in_its_one_form() -> None:
    made = dsse.Envelope(
        payload=b"{}",
        kind=dsse.STATEMENT,
        signatures=(
            dsse.Signature(keyid="b" * 64, sig=b"2"),
            dsse.Signature(keyid="a" * 64, sig=b"1"),
        ),
    )
    data = dsse.encode(made)
    assert sorted(dsse.decode(data, dsse.STATEMENT).signatures, key=lambda s: s.keyid) == sorted(
        made.signatures, key=lambda s: s.keyid
    )
    for wrong in (
        data.replace(b"a" * 64, b"c" * 64),
        data.replace(b"a" * 64, b"A" * 64),
        data.replace(b"e30=", b"e31="),
        data + b" ",
        data.replace(b"in-toto", b"in-tot0"),
    ):
        with pytest.raises(EvidenceError, match=r"V200[12]"):
            dsse.decode(wrong, dsse.STATEMENT)


def test_a_key_of_another_kind_signs_nothing() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = Ed448PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert not verifies(public, b"x", private.sign(b"x"))
    assert not verifies(b"no key", b"x", hashlib.sha256(b"x").digest())

"""Published vectors, on puntual's own code and on the one-file verifier alike."""

from __future__ import annotations

import base64
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from support import published
from support.published import CONSISTENCY, DSSE, INCLUSION, KEYS, Proof, Signed

from puntual.errors import EvidenceError
from puntual.evidence import canonical, dsse
from puntual.evidence.merkle import Tree, extends, includes, leaf_hash
from puntual.evidence.trust import ED25519_PREFIX
from puntual.evidence.trust_keys import verifies

ROOTS = tuple(map(bytes.fromhex, published.ROOTS))
EMPTY, SOME = bytes.fromhex(published.EMPTY), bytes.fromhex(published.SOME)
Probe = tuple[int, int, bytes, bytes, tuple[bytes, ...]]
"""Leaf's index and size, leaf's hash, root, path; or two sizes, two roots, path."""


def _one_file() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "verifier" / "verify_delivery.py"
    spec = importlib.util.spec_from_file_location("vectors_verify_delivery", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ONE_FILE = _one_file()


def text(hashed: bytes) -> str:
    return base64.b64encode(hashed).decode()


def included(index: int, size: int, leaf: bytes, root: bytes, path: tuple[bytes, ...]) -> bool:
    """Judge as `ledger` of the one file does; its leaf is a hash that it has made itself."""
    try:
        hashes = [base64.b64decode(ONE_FILE.fit(text(h), "hash")) for h in (root, *path)]
        ONE_FILE.fit(str(index), "count")
    except ValueError:
        return False
    if not index < size <= ONE_FILE.MOST:
        return False
    return bool(ONE_FILE.climb(index + 1, size, hashes[1:], b"", leaf)[1] == hashes[0])


def consistent(first: int, size: int, old: bytes, new: bytes, path: tuple[bytes, ...]) -> bool:
    """Give the one file a `consistency.json` that holds this proof."""
    proof = {"size": str(first), "root": text(old), "hashes": [text(h) for h in path]}
    document = {
        "schema": "puntual/consistency/1",
        "origin": "vectors",
        "size": str(size),
        "root": text(new),
        "proofs": [proof],
    }
    try:
        ONE_FILE.consistency(canonical.encode(document))
    except ValueError:
        return False
    return True


def own_inclusion(index: int, size: int, leaf: bytes, root: bytes, path: tuple[bytes, ...]) -> bool:
    return includes(leaf, index, size, path, root)


def own_consistency(first: int, size: int, old: bytes, new: bytes, path: tuple[bytes, ...]) -> bool:
    return extends(first, size, path, old, new)


Judge = Callable[[int, int, bytes, bytes, tuple[bytes, ...]], bool]
of_inclusion = pytest.mark.parametrize(
    "judge", [own_inclusion, included], ids=["puntual", "one file"]
)
of_consistency = pytest.mark.parametrize(
    "judge", [own_consistency, consistent], ids=["puntual", "one file"]
)


def tree() -> Tree:
    return Tree(leaf_hash(bytes.fromhex(leaf)) for leaf in published.LEAVES)


def wrong_paths(path: tuple[bytes, ...], *roots: bytes) -> Iterator[tuple[bytes, ...]]:
    """Yield the paths that the published tests make of a right one: all are wrong."""
    for more in (b"", *roots):
        yield (*path, more)
        yield (more, *path)
    for i, hashed in enumerate(path):
        yield (*path[:i], bytes([hashed[0] ^ 8]) + hashed[1:], *path[i + 1 :])
        yield (*path[:i], bytes([hashed[0] ^ 16]) + hashed[1:], *path[i + 1 :])
    if path:
        yield path[:-1]
        yield (path[0], *path)
    if len(path) > 1:
        yield (path[0], SOME, *path[1:])


def wrong_inclusions(right: Probe) -> Iterator[Probe]:
    index, size, leaf, root, path = right
    yield from ((i, size, leaf, root, path) for i in (index - 1, index + 1, index ^ 2))
    yield from ((index, s, leaf, root, path) for s in (size * 2, size // 2))
    yield from ((index, size, leaf, r, path) for r in (EMPTY, SOME))
    yield index, size, SOME, root, path
    yield from ((index, size, leaf, root, p) for p in wrong_paths(path, root))


def wrong_consistencies(right: Probe) -> Iterator[Probe]:
    first, size, old, new, path = right
    yield from ((f, size, old, new, path) for f in (first - 1, first + 1, first ^ 2))
    yield from ((first, s, old, new, path) for s in (size * 2, size // 2))
    yield first, size, b"WrongRoot", new, path
    yield first, size, old, b"WrongRoot", path
    if old != new:
        yield first, size, new, old, path
    if path:
        yield first, size, old, new, ()
    yield from ((first, size, old, new, p) for p in wrong_paths(path, old, new))


def as_inclusion(proof: Proof) -> Probe:
    number, size, path = proof
    leaf = leaf_hash(bytes.fromhex(published.LEAVES[number - 1]))
    return number - 1, size, leaf, ROOTS[size - 1], tuple(map(bytes.fromhex, path))


def as_consistency(proof: Proof) -> Probe:
    first, size, path = proof
    return first, size, ROOTS[first - 1], ROOTS[size - 1], tuple(map(bytes.fromhex, path))


@of_inclusion
@pytest.mark.parametrize("proof", INCLUSION, ids=lambda p: f"{p[0]} of {p[1]}")
def test_a_published_inclusion_proof_holds_and_none_that_is_made_of_it(
    judge: Judge, proof: Proof
) -> None:
    right = as_inclusion(proof)
    assert judge(*right)
    assert [probe for probe in wrong_inclusions(right) if judge(*probe)] == []


@of_consistency
@pytest.mark.parametrize("proof", CONSISTENCY, ids=lambda p: f"{p[0]} to {p[1]}")
def test_a_published_consistency_proof_holds_and_none_that_is_made_of_it(
    judge: Judge, proof: Proof
) -> None:
    right = as_consistency(proof)
    assert judge(*right)
    assert [probe for probe in wrong_consistencies(right) if judge(*probe)] == []


def test_the_published_proofs_and_roots_are_those_that_are_made() -> None:
    whole = tree()
    assert [whole.root(n) for n in range(1, 9)] == list(ROOTS)
    assert whole.root(0) == EMPTY
    assert [(n, s, tuple(h.hex() for h in whole.inclusion(n - 1, s))) for n, s, _ in INCLUSION] == [
        *INCLUSION
    ]
    made = [(f, s, tuple(h.hex() for h in whole.consistency(f, s))) for f, s, _ in CONSISTENCY]
    assert made == [*CONSISTENCY]


@of_inclusion
@pytest.mark.parametrize(("index", "size"), [(0, 0), (0, 1), (1, 0), (2, 1)])
def test_nothing_is_included_without_its_own_root(judge: Judge, index: int, size: int) -> None:
    for leaf, root in ((SOME, b""), (SOME, EMPTY), (leaf_hash(b""), EMPTY)):
        assert not judge(index, size, leaf, root, ())


@of_consistency
@pytest.mark.parametrize(("first", "size"), [(1, 0), (2, 1), (1, 2)])
def test_no_tree_goes_back_in_time_or_grows_without_proof(
    judge: Judge, first: int, size: int
) -> None:
    assert not judge(first, size, ROOTS[0], ROOTS[1], ())
    assert not judge(first, size, ROOTS[0], ROOTS[0], ())


@of_inclusion
def test_both_agree_on_every_leaf_of_every_small_tree(judge: Judge) -> None:
    whole = Tree(leaf_hash(b"%d" % i) for i in range(17))
    for size in range(1, 18):
        for index in range(size):
            path, root = whole.inclusion(index, size), whole.root(size)
            held = {i for i in range(17) if judge(i, size, whole.leaves[index], root, path)}
            assert held == {index}


@of_consistency
def test_both_agree_on_every_pair_of_small_trees(judge: Judge) -> None:
    whole = Tree(leaf_hash(b"%d" % i) for i in range(17))
    for size in range(1, 18):
        for first in range(1, size + 1):
            path, old, new = whole.consistency(first, size), whole.root(first), whole.root(size)
            assert {i for i in range(1, 18) if judge(i, size, old, new, path)} == {first}


def by_puntual(data: bytes, kind: str) -> tuple[bytes, tuple[bytes, ...]]:
    found = dsse.decode(data, kind)
    return found.pae, tuple(s.sig for s in found.signatures)


def by_one_file(data: bytes, kind: str) -> tuple[bytes, tuple[bytes, ...]]:
    _, pae, signed = ONE_FILE.envelope(data, kind)
    return pae, tuple(s for _, s in signed)


Opened = Callable[[bytes, str], tuple[bytes, tuple[bytes, ...]]]
Verified = Callable[[bytes, bytes, bytes], bool]
BOTH = ((by_puntual, verifies), (by_one_file, ONE_FILE.signed_by))
of_envelope = pytest.mark.parametrize(("opened", "signs"), BOTH, ids=["puntual", "one file"])


def enveloped(kind: str, payload: str, signatures: dict[str, str]) -> bytes:
    """Return a published envelope in this format's form: with keyids, in canonical JSON."""
    signed = [{"keyid": keyid, "sig": sig} for keyid, sig in sorted(signatures.items())]
    return canonical.encode({"payload": payload, "payloadType": kind, "signatures": signed})


@of_envelope
@pytest.mark.parametrize("vector", DSSE, ids=lambda v: v.id)
def test_a_published_envelope_is_signed_by_its_keys_and_by_no_other(
    opened: Opened, signs: Verified, vector: Signed
) -> None:
    keyids = [f"{n:064x}" for n in range(len(vector.signatures))]
    named = dict(zip(keyids, vector.signatures, strict=True))
    pae, signatures = opened(enveloped(vector.kind, vector.payload, named), vector.kind)
    assert pae == vector.pae
    publics = [ED25519_PREFIX + bytes.fromhex(KEYS[k]) for k in vector.keys]
    held = [signs(p, pae, s) for p, s in zip(publics, signatures, strict=True)]
    assert held == [vector.holds] * len(publics)
    assert not signs(publics[0], pae + b" ", signatures[0])


@of_envelope
def test_the_specifications_own_signature_on_p256_holds(opened: Opened, signs: Verified) -> None:
    """Written there as r and s; here, as in KMS, in DER."""
    raw = base64.b64decode(published.EXAMPLE_SIGNATURE)
    r, s = (int.from_bytes(part, "big") for part in (raw[:32], raw[32:]))
    sig = {"0" * 64: text(encode_dss_signature(r, s))}
    data = enveloped(published.EXAMPLE_KIND, text(published.EXAMPLE_BODY), sig)
    pae, (signature,) = opened(data, published.EXAMPLE_KIND)
    assert pae == published.EXAMPLE_PAE
    point = b"\x04" + b"".join(
        n.to_bytes(32, "big") for n in (published.EXAMPLE_X, published.EXAMPLE_Y)
    )
    public = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + point
    assert signs(public, pae, signature)
    assert not signs(public, pae + b" ", signature)


@of_envelope
def test_base64_of_another_alphabet_is_refused_where_dsse_would_read_it(
    opened: Opened, signs: Verified
) -> None:
    """The format has one spelling of everything (§1), DSSE two."""
    with pytest.raises((EvidenceError, ValueError)):
        opened(enveloped(dsse.STATEMENT, published.URL_SAFE, {}), dsse.STATEMENT)

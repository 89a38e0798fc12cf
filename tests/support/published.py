"""
Vectors that others have published, as hexadecimal and Base64.

RFC 6962: the tree, its roots and its proofs that Certificate Transparency's reference
implementations test each other with (transparency-dev/merkle, `proof/verify_test.go`). A proof
is (leaf's number from 1, or size of the earlier tree; size of the tree; hashes).

DSSE 1.0: the specification's own example (`protocol.md`, Test Vectors), and the vectors beside
it (secure-systems-lab/dsse, `testvectors/vectors.json`) with keys of RFC 8032 §7.1.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAVES = (
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SOME = "abacaba000000000000000000000000000000000000000000060061e00123456"
"""A hash of nothing in particular, which the vectors put in the wrong places."""

_A1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
_A2 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
_A4 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
_B4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
_B5 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
_B6 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
_C6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"

Proof = tuple[int, int, tuple[str, ...]]

INCLUSION: tuple[Proof, ...] = (
    (1, 1, ()),
    (1, 8, (_A1, _A2, _A4)),
    (6, 8, (_B4, _B6, ROOTS[3])),
    (3, 3, (ROOTS[1],)),
    (2, 5, (ROOTS[0], _A2, _B4)),
)
CONSISTENCY: tuple[Proof, ...] = (
    (1, 1, ()),
    (1, 8, (_A1, _A2, _A4)),
    (6, 8, (_B5, _B6, ROOTS[3])),
    (2, 5, (_A2, _B4)),
    (6, 7, (_B5, _C6, ROOTS[3])),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A DSSE vector: payload and signatures in Base64; `keys` are those that made them."""

    id: str
    kind: str
    payload: str
    signatures: tuple[str, ...]
    keys: tuple[str, ...]
    pae: bytes
    holds: bool = True


KEYS = {
    "A": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "B": "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
}
"""Raw Ed25519 keys of RFC 8032 §7.1, TEST 1 and TEST 2."""

_IN_TOTO = "application/vnd.in-toto+json"
_STATEMENT = "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ=="
_BODY = b'{"_type":"https://in-toto.io/Statement/v1"}'
_BY_A = "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA=="
_BY_B = "c1+67/aT0yqEpwx8PsVY3MLHsj9D0CZ014/Fv/QlG59P+9CobUZ7xECJ/V3USG0Ob9CiE5LjReEZUzNF2l7eBw=="

DSSE = (
    Signed(
        id="single-signature",
        kind=_IN_TOTO,
        payload=_STATEMENT,
        signatures=(_BY_A,),
        keys=("A",),
        pae=b"DSSEv1 28 application/vnd.in-toto+json 43 " + _BODY,
    ),
    Signed(
        id="payload-type-swapped",
        kind="application/vnd.example.other+json",
        payload=_STATEMENT,
        signatures=(_BY_A,),
        keys=("A",),
        pae=b"DSSEv1 34 application/vnd.example.other+json 43 " + _BODY,
        holds=False,
    ),
    Signed(
        id="non-ascii-payload-type",
        kind="application/vnd.exämple+json",
        payload=_STATEMENT,
        signatures=(
            "xmSk/ug66ysT7ayhkCIjhAq42zgZXSsEWuzUaNL7w2eGAdF/NU6/fRXPtmfN+5DNSAs5/i2lUnHjbbjPsu0tAw==",
        ),
        keys=("A",),
        pae="DSSEv1 29 application/vnd.exämple+json 43 ".encode() + _BODY,
    ),
    Signed(
        id="empty-payload",
        kind=_IN_TOTO,
        payload="",
        signatures=(
            "gSggCAaTLTYyRH6FIDBem6meyIynsYy8RTHVzwx9tnTb7Bg/1jMWnuVgI/gffqmbsC2VX5/jHfkkDqsj7CDbDg==",
        ),
        keys=("A",),
        pae=b"DSSEv1 28 application/vnd.in-toto+json 0 ",
    ),
    Signed(
        id="two-keys",
        kind=_IN_TOTO,
        payload=_STATEMENT,
        signatures=(_BY_A, _BY_B),
        keys=("A", "B"),
        pae=b"DSSEv1 28 application/vnd.in-toto+json 43 " + _BODY,
    ),
    Signed(
        id="another's-signature",
        kind=_IN_TOTO,
        payload=_STATEMENT,
        signatures=(_BY_A,),
        keys=("B",),
        pae=b"DSSEv1 28 application/vnd.in-toto+json 43 " + _BODY,
        holds=False,
    ),
)
URL_SAFE = "-_-_Pj8="
"""Payload of the vector whose Base64 has the URL-safe alphabet."""

EXAMPLE_KIND, EXAMPLE_BODY = "http://example.com/HelloWorld", b"hello world"
EXAMPLE_PAE = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
EXAMPLE_X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
EXAMPLE_Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
EXAMPLE_SIGNATURE = (
    "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
)
"""Of the specification's example, by a key on P-256: r and s, 32 bytes each."""

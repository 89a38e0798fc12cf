"""
Verify the raw data behind a delivery: `python verify_raw.py FOLDER --store STORE` (level 2).

One file on the standard library; it shares no code with puntual and was written from
docs/reference/evidence-format.md §7. Run `verify_delivery.py` first: this file asks only whether
the raw objects are those that the package states. Exit 0: all holds.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import itertools
import json
import sys
import zlib
from pathlib import Path
from typing import Any

LIMIT, PAGE = 64 << 20, 256


def need(holds: object, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def read(path: Path) -> bytes:
    plain = not path.is_symlink() and path.is_file() and path.stat().st_size <= LIMIT
    need(plain, f"{path.name!r} is no plain file of at most 64 MiB")
    return path.read_bytes()


def node(left: bytes, right: bytes, mark: bytes = b"\1") -> bytes:
    return hashlib.sha256(mark + left + right).digest()


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1: the root of a tree, level by level; an odd one goes up as it is."""
    level = leaves or [hashlib.sha256().digest()]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [*map(node, level[0:-1:2], level[1::2]), *odd]
    return level[0]


def manifests(folder: Path) -> list[Any]:
    """Return the manifests of a package, once each is one that its statement names."""
    payload = json.loads(read(folder / "statement.dsse.json"))["payload"]
    stated = json.loads(base64.b64decode(payload))["predicate"]["manifests"]
    opened = zlib.decompressobj(wbits=31)
    texts = json.loads(opened.decompress(read(folder / "manifests.json.gz"), LIMIT))["manifests"]
    need(opened.eof, "manifests.json.gz is larger than 64 MiB")
    found = [texts[one["sha256"]] for one in stated]
    for one, text in zip(stated, found, strict=True):
        need(hashlib.sha256(text.encode()).hexdigest() == one["sha256"], "a manifest is altered")
    return [json.loads(text) for text in found]


def pages(path: Path, size: int, digest: str) -> list[bytes]:
    """Return the leaf hashes of a text object; of another they mean nothing."""
    need(path.is_file() and path.stat().st_size == size, f"{path} is missing, or its size differs")
    whole, leaves = hashlib.sha256(), []
    with path.open("rb") as file:
        while page := b"".join(itertools.islice(file, PAGE)):
            whole.update(page)
            leaves.append(node(page, b"", b"\0"))
    need(whole.hexdigest() == digest, f"{path} is altered")
    return leaves


def source(made: Any, store: Path) -> str:
    """Verify the raw objects of one source, and its record root where they are text."""
    leaves: list[bytes] = []
    data = [one for one in made["objects"] if one["role"] == "data"]
    for one in data:
        path = (store / one["name"]).resolve()
        need(path.is_relative_to(store.resolve()), f"{one['name']!r} leads out of the store")
        leaves += pages(path, int(one["bytes"]), one["sha256"])
    said = f"{made['step']}: {len(data)} raw objects are the ones that were landed"
    stated = made["facts"].get("record_root")
    if stated is None or any(one["name"].endswith(".parquet") for one in data):
        return f"{said}; their record root was not computed (Parquet: puntual verify)"
    need(root(leaves).hex() == stated, f"{made['step']}: the record root is another")
    return f"{said}, with their record root"


def main(arguments: list[str]) -> int:
    asked = argparse.ArgumentParser(description="Verify the raw data behind a delivery.")
    asked.add_argument("folder", type=Path, help="the package")
    asked.add_argument("--store", type=Path, required=True, help="the folder of the raw objects")
    call = asked.parse_args(arguments)
    try:
        landed = [m for m in manifests(call.folder) if m["step"].startswith("land:")]
        need(landed, "the statement names no raw objects: it has no manifest of a `land:` step")
        said = [source(made, call.store) for made in landed]
    except Exception as wrong:  # whatever goes wrong, nothing is verified
        print(f"  not proven: {wrong}\nNOT VERIFIED")
        return 1
    print(*said, sep="\n  ")
    print("Not proven here: who signed the statement, and the ledger (verify_delivery.py); counts,")
    print("sums and what was made of these bytes (puntual verify --level 3); that the source told")
    print("the truth.\nThe raw objects match the statement")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

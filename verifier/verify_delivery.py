"""
Verify one delivery of puntual, offline: `python verify_delivery.py FOLDER --root FINGERPRINT`.

One file, on the standard library and `cryptography`; it shares no code with puntual and was
written from docs/reference/evidence-format.md, whose sections (§) are named. Exit 0: all holds.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import sys
import zlib
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

LIMIT, MOST_VALUES, MOST_SIZE = 64 << 20, 4_000_000, 1 << 40
PROOFS = {"statement.dsse.json", "statement.tlog-proof", "leaf.json", "consistency.json"}
PROOFS |= {"trust.json", "manifests.json.gz"}
IN_TOTO, TRUST = "application/vnd.in-toto+json", "application/vnd.puntual.trust+json"
PREDICATE = "https://puntual.dev/attestation/delivery/v1"
NAME, ED25519 = "[!-*,-~]{1,255}", bytes.fromhex("302a300506032b6570032100")
NOT_PROVEN = """    That the source told the truth, and that nothing was dropped before landing.
    What nobody outside had seen yet; that another reader is not shown another ledger.
    Clock times in the ledger; a time stamp, if there is one (openssl ts -verify examines it);
    that an approver read what he signed. Level 2 and 3, from raw: puntual verify."""


def need(holds: object, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def b64(text: Any, size: int = 0) -> bytes:
    """§1: Base64 has one spelling; a hash has 32 bytes."""
    data = base64.b64decode(text, validate=True)
    same = base64.b64encode(data).decode() == text and len(data) == (size or len(data))
    need(same, "Base64 in another spelling, or a hash of another length")
    return data


def number(text: Any) -> int:
    need(isinstance(text, str) and re.fullmatch(r"0|[1-9][0-9]{0,37}", text), f"no count: {text!r}")
    return int(text)


def canonical(data: bytes) -> Any:
    """§1: read JSON that is written in its one form (RFC 8785, without floats)."""
    marks = sum(map(data.count, (b",", b":", b"[", b"{")))
    need(len(data) <= LIMIT and marks <= MOST_VALUES, "a document that is too large")
    value = json.loads(data.decode())
    again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    need(again.encode() == data, "JSON that is not in its canonical form")
    return value


def record(value: Any, keys: str) -> Any:
    need(isinstance(value, dict) and set(value) == set(keys.split()), f"no object with {keys}")
    return value


def signed_by(public: bytes, data: bytes, signature: bytes) -> bool:
    """§3: Ed25519, or ECDSA on P-256 with SHA-256; the key is a SubjectPublicKeyInfo."""
    try:
        key: Any = load_der_public_key(public)
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
            return True
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        return isinstance(key.curve, ec.SECP256R1)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, AttributeError):
        return False


def envelope(data: bytes, kind: str) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """§3: return payload, what is signed (PAE), and (keyid, signature) of a DSSE envelope."""
    found = record(canonical(data), "payload payloadType signatures")
    payload = b64(found["payload"])
    signed = [(record(s, "keyid sig")["keyid"], b64(s["sig"])) for s in found["signatures"]]
    need(signed == sorted(signed)[:16] and found["payloadType"] == kind, "no envelope of its type")
    need(all(re.fullmatch("[0-9a-f]{64}", keyid) for keyid, _ in signed), "no keyid")
    pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    return payload, pae, signed


def opened_trust(data: bytes) -> dict[str, Any]:
    """§4: read a trust file that its own root key has signed."""
    payload, pae, signed = envelope(data, TRUST)
    found = record(canonical(payload), "schema origin version root keys thresholds")
    root = b64(found["root"])
    need(any(signed_by(root, pae, s) for _, s in signed), "a trust file its root did not sign")
    for key in found["keys"]:
        need(sha256(b64(key["public"])) == key["keyid"], "a key that is not its keyid")
        until = MOST_SIZE if key["until"] is None else number(key["until"])
        key["counts"] = range(number(key["since"]), until)
    return {**found, "root_id": sha256(root), "payload": payload, "raw": data}


def node(left: bytes, right: bytes, mark: bytes = b"\1") -> bytes:
    return hashlib.sha256(mark + left + right).digest()


def included(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """§5: return the root that a leaf's hash leads to by its audit path."""
    if size == 1 or not path:
        return leaf if size == 1 and not path else b""
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return node(included(leaf, index, left, path[:-1]), path[-1])
    return node(path[-1], included(leaf, index - left, size - left, path[:-1]))


def extended(first: int, size: int, path: list[bytes], old: bytes) -> tuple[bytes, bytes]:
    """§5: return the roots of the smaller and of the larger tree; `old` is b"" inside."""
    if first == size or not path:
        whole = [old] if old else path
        return (whole[0], whole[0]) if first == size and len(path) == (not old) else (b"", b"")
    left = 1 << (size - 1).bit_length() - 1
    if first <= left:
        one, two = extended(first, left, path[:-1], old)
        return one, node(two, path[-1])
    one, two = extended(first - left, size - left, path[:-1], b"")
    return node(path[-1], one), node(path[-1], two)


def consistency(data: bytes) -> dict[str, Any]:
    """§6: read consistency proofs; each of them must hold."""
    found = record(canonical(data), "schema origin size root proofs")
    size, root = number(found["size"]), b64(found["root"], 32)
    earlier: dict[int, bytes] = {}
    for p in found["proofs"]:
        first, old = number(record(p, "size root hashes")["size"]), b64(p["root"], 32)
        need(max(earlier, default=0) < first <= size <= MOST_SIZE, "proofs in another order")
        roots = extended(first, size, [b64(h, 32) for h in p["hashes"]], old)
        need(roots == (old, root), "a consistency proof does not hold: the history was rewritten")
        earlier[first] = old
    need(found["schema"] == "puntual/consistency/1" and len(earlier) <= 64, "no proofs")
    return {"tree": (found["origin"], size, root), "earlier": earlier}


def read(path: Path) -> bytes:
    plain = not path.is_symlink() and path.is_file() and path.stat().st_size <= LIMIT
    need(plain, f"{path.name!r} is no plain file of at most 64 MiB")
    return path.read_bytes()


def named(pairs: Any) -> dict[str, str]:
    return {record(p, "name sha256")["name"]: p["sha256"] for p in pairs}


def content(files: dict[str, bytes], payload: bytes) -> Any:
    """§7: the statement names every file, and the manifests are the ones that it states."""
    stated = record(canonical(payload), "_type subject predicateType predicate")
    claims, about = stated["predicate"], stated["predicate"]["delivery"]
    due = {s["name"]: s["digest"]["sha256"] for s in stated["subject"]} | named(claims["documents"])
    need(stated["predicateType"] == PREDICATE, "no statement of a delivery")
    for name in sorted(due.keys() | files.keys()):
        need(name in files, f"{name!r} is missing")
        need(name in due, f"{name!r} is foreign: the statement does not name it")
        need(sha256(files[name]) == due[name], f"{name!r} is not the file that was stated")
    told = canonical(files["exceptions.json"])
    listed = (told["delivery"], told["completeness"], str(len(told["exceptions"])))
    said = (about["id"], claims["completeness"], claims["exceptions"])
    need(listed == said, "exceptions.json and the statement do not agree")
    texts = canonical(files["manifests.json"])["manifests"]
    need(all(sha256(text.encode()) == d for d, text in texts.items()), "a manifest is altered")
    steps = named(claims["manifests"])
    need(set(steps.values()) == set(texts), "manifests are missing or foreign")
    inputs = named(claims["files"]) | steps
    for step, digest in steps.items():
        one = canonical(texts[digest].encode())
        same = (one["step"], one["reference_date"]) == (step, about["reference_date"])
        need(same, f"the manifest stated for {step!r} is another step's or day's")
        used = named(one["inputs"]).items()
        need(all(inputs.get(n, d) == d for n, d in used), f"the chain is broken at {step!r}")
    return claims


def vouching(trust: Any, files: dict[str, bytes], claims: Any, index: int) -> list[str]:
    """§4: return who signed, role by role, once enough have."""
    _, pae, signatures = envelope(files["statement.dsse.json"], IN_TOTO)
    names: dict[str, set[str]] = {"approver": set(), "pipeline": set()}
    for key in (k for k in trust["keys"] if k["role"] in names):
        for signature in (s for keyid, s in signatures if keyid == key["keyid"]):
            need(signed_by(b64(key["public"]), pae, signature), f"{key['name']} did not sign this")
            names[key["role"]] |= {key["name"]} if index in key["counts"] else set()
    asked = [t for t in trust["thresholds"] if number(t["since"]) <= index][-1]
    for role, least in asked[claims["completeness"]].items():
        need(len(names[role]) >= number(least), f"signed by {len(names[role])} of {least} {role}s")
    return [f"signed by {role}: {', '.join(sorted(n)) or 'nobody'}" for role, n in names.items()]


def ledger(files: dict[str, bytes], claims: Any, payload: bytes, call: Any, memory: Any) -> Any:
    """§4 to §6 and §8: whose signatures count, what the ledger holds, what was seen before."""
    head, _, note = files["statement.tlog-proof"].partition(b"\n\n")
    first, place, *path = head.decode("ascii").split("\n")
    text, _, signed = note.decode().rpartition("\n\n")
    origin, size_text, root_text = text.split("\n")
    form = first == "c2sp.org/tlog-proof@v1" and re.fullmatch("index (0|[1-9][0-9]{0,12})", place)
    need(form and re.fullmatch(NAME, origin), "no proof of inclusion")
    index, size, root = int(place[6:]), number(size_text), b64(root_text, 32)
    held = memory["ledgers"].setdefault(origin, {"root": "", "checkpoints": []})
    own = opened_trust(files["trust.json"])
    others = [opened_trust(read(call.trust))] if call.trust else []
    others += [opened_trust(b64(held["trust"]))] if held["root"] else []
    roots = {call.root.lower(), held["root"]} | {t["root_id"] for t in others}
    need(roots - {""}, f"no root key is known for {origin}; the package brings {own['root_id']}")
    need(roots - {""} == {own["root_id"]}, f"signed under another root key, {own['root_id']}")
    need({t["origin"] for t in (own, *others)} == {origin}, "a trust file of another ledger")
    trust = max(own, *others, own, key=lambda t: number(t["version"]))
    twins = [t for t in (own, *others) if t["version"] == trust["version"]]
    need(all(t["payload"] == trust["payload"] for t in twins), "two trust files of one version")
    said = vouching(trust, files, claims, index)
    leaf, about = canonical(files["leaf.json"]), claims["delivery"]
    told = (leaf["event"], leaf["step"], leaf["reference_date"], leaf["facts"]["statement"])
    due = ("attest", f"attest:{about['report']}", about["reference_date"], sha256(payload))
    need(told == due, "leaf.json tells of something else than this statement")
    way = (index, size, [b64(h, 32) for h in path])
    found = index < size <= MOST_SIZE and included(node(files["leaf.json"], b"", b"\0"), *way)
    need(found == root, "the ledger does not hold leaf.json")
    need(re.fullmatch(f"(\u2014 {NAME} [^ \n]+\n){{1,16}}", signed), "no signature lines")
    logs = [k for k in trust["keys"] if k["role"] == "log" and size in k["counts"]]
    marks = [(n, b64(c)) for _, n, c in (line.split(" ") for line in signed[:-1].split("\n"))]
    good, body = [], (text + "\n").encode()
    for public in (b64(k["public"]) for k in logs):
        raw = origin.encode() + b"\n\1" + public[12:] if public.startswith(ED25519) else public
        hint = (origin, hashlib.sha256(raw).digest()[:4])
        good += [signed_by(public, body, m[4:]) for n, m in marks if (n, m[:4]) == hint]
    need(good and all(good) and all(len(m) > 4 for _, m in marks), "no log key signed the note")
    said.append(f"entry {index:,} of {size:,} of {origin} is this statement")
    proofs = [consistency(d) for d in (files["consistency.json"], *map(read, call.consistency))]
    need(proofs[0]["tree"] == (origin, size, root), "consistency.json is about another tree")
    rows = {c["size"]: c["root"] for c in held["checkpoints"]}
    need(rows.get(size_text, root_text) == root_text, f"two histories of {size:,} entries")
    if rows and size_text not in rows:
        last = max(map(number, rows))
        (old, new), at = sorted((last, size)), {last: b64(rows[str(last)], 32), size: root}
        olds = [p["earlier"].get(old) for p in proofs if p["tree"] == (origin, new, at[new])]
        need(at[old] in olds, f"not proven consistent with the {last:,} entries that you hold")
    said.append(f"consistent with {max(map(number, rows), default=0):,} entries seen before")
    rows[size_text] = root_text
    held |= {"root": own["root_id"], "trust": base64.b64encode(trust["raw"]).decode()}
    held["checkpoints"] = [{"size": s, "root": rows[s]} for s in sorted(rows, key=int)]
    return said


def verified(call: Any, memory: Any) -> list[str]:
    need(len(os.listdir(call.folder)) <= 256, "more than 256 files")
    files = {name: read(call.folder / name) for name in sorted(os.listdir(call.folder))}
    need(files.keys() >= PROOFS, f"not signed: {', '.join(sorted(PROOFS - files.keys()))} missing")
    need("manifests.json" not in files, "a file is foreign beside what it is packed in")
    payload, _, _ = envelope(files["statement.dsse.json"], IN_TOTO)
    opened = zlib.decompressobj(wbits=31)
    found = opened.decompress(files["manifests.json.gz"], LIMIT + 1)
    need(opened.eof and not opened.unused_data and len(found) <= LIMIT, "no single gzip member")
    rest = {n: d for n, d in files.items() if n not in PROOFS | {"timestamp.tsr"}}
    claims = content(rest | {"manifests.json": found}, payload)
    said = f"{claims['delivery']['id']}, {claims['completeness']}: every file is the one stated"
    return [said, *ledger(files, claims, payload, call, memory)]


def main(arguments: list[str]) -> int:
    asked = argparse.ArgumentParser(description="Verify a delivery of puntual, offline.")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--root", default="", help="fingerprint of the root key, from paper")
    asked.add_argument("--trust", type=Path, help="a trust file that was handed over")
    asked.add_argument("--state", type=Path, help="what is remembered of ledgers")
    asked.add_argument("--consistency", type=Path, action="append", default=[])
    call = asked.parse_args(arguments)
    state = call.state or Path.home() / ".local/state/puntual/verifier.json"
    try:
        fresh = {"schema": "puntual/verifier/1", "ledgers": {}}
        memory = canonical(read(state)) if state.exists() else fresh
        said = verified(call, memory)
        state.parent.mkdir(parents=True, exist_ok=True)
        new = state.with_suffix(".new")
        new.write_text(json.dumps(memory, sort_keys=True, separators=(",", ":")))
        os.replace(new, state)
    except Exception as wrong:  # whatever goes wrong, nothing is verified
        print(f"  not proven: {wrong}\nNOT VERIFIED")
        return 1
    print(*said, "Not proven by any package:", NOT_PROVEN, "VERIFIED at level 1", sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

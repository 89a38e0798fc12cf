"""
Verify one delivery of puntual, offline: `python verify_delivery.py FOLDER --root FINGERPRINT`.

By docs/reference/evidence-format.md (its § are named), without code of puntual. Exit 0: all holds.
"""

import argparse
import json
import re
import zlib
from base64 import b64decode, b64encode
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LIMIT, VALUES, MOST, IN_TOTO = 64 << 20, 1_000_000, 1 << 40, "application/vnd.in-toto+json"
ENVELOPE, PROOF, LEAF = "statement.dsse.json", "statement.tlog-proof", "leaf.json"
PROOFS = {ENVELOPE, PROOF, LEAF, "consistency.json", "trust.json", "manifests.json.gz"}
DOCUMENTS = {"manifests.json", "VERIFY.txt", "evidence.html"}
SPELL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
PROVEN = """  Not proven by any package: that the source told the truth; that nothing was dropped
    before landing; what nobody outside had seen yet; that others are not shown another ledger;
    clock times; a time stamp, if there is one; that an approver read it; levels 2 and 3."""
# §1: forms. A pattern; [x]: a list of x; {x}: x under any keys; key=x: these keys and no others.
FORMS = """asked: since=count full=least partial=least emergency=least; count: 0|[1-9][0-9]{0,37};
public: MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=|MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{86}==;
text: (?s:.*); hex: [0-9a-f]{64}; name: [!-*,-~]{1,255}; base64: [A-Za-z0-9+/]*={0,2}; hash:
[A-Za-z0-9+/]{43}=; any: any; map: {any}; amount: (?!-0([.]0+)?$)-?(0|[1-9][0-9]*)([.][0-9]+)?;
named: name=text sha256=hex; sign: keyid=hex sig=base64; dsse: payload=base64 payloadType=text
signatures=[sign]; trust: schema=puntual/trust/1 origin=name version=count root=public keys=[key]
thresholds=[asked]; key: keyid=hex name=[A-Za-z0-9][A-Za-z0-9._@-]{0,63} role=approver|log|pipeline
public=public since=count until=null|0|[1-9][0-9]{0,37} why=text; least: approver=count
pipeline=[1-9][0-9]{0,37}; tree: size=count root=hash; since: schema=puntual/consistency/1
origin=text size=count root=hash proofs=[proof]; proof: size=count root=hash hashes=[hash]; held:
root=hex trust=paper checkpoints=[tree] proven=[tree] reports={index}; index: 0|[1-9][0-9]{0,12};
paper: [A-Za-z0-9+/]{4,}={0,2}; memory: ledgers={held} schema=puntual/verifier/1; event:
schema=puntual/event/1 event=attest at=text epoch=count trust=count commit=commit step=text
reference_date=text manifest=text facts=map; commit: number=count sha256=text; manifest:
schema=puntual/manifest/1 step=text dataset=text reference_date=text key=hex inputs=[named] code=hex
objects=[object] totals=totals facts=map; object: name=text sha256=hex bytes=count records=count
role=text detail={text}; totals: records=count sums={amount} key_digest=text algorithm=text; texts:
schema=puntual/manifests/1 manifests={text}; digest: sha256=hex; file: name=text digest=digest;
type: https://puntual[.]dev/attestation/delivery/v1; stated: _type=https://in-toto[.]io/Statement/v1
predicateType=type subject=[file] predicate=map; about: id=text report=[a-z_][a-z0-9_]{0,62}
reference_date=[0-9]{4}-[0-9]{2}-[0-9]{2} version=count; claims: schema=type delivery=about
completeness=full|partial|emergency reasons=[any] exceptions=count due_at=text seals=[any]
checks=[any] hops=[any] manifests=[named] documents=[named] files=[named] code=hex project=hex
signatures=text"""
FORM = dict(one.split(": ", 1) for one in " ".join(FORMS.split()).split("; "))


def need(holds: object, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def fit(value: Any, form: str, what: str = "$", deep: int = 0) -> Any:
    """§1: return a value that has its form; at most 64 levels, no floats, integers to 2^53."""
    form, kind, inner = FORM.get(form, form), type(value), {}
    need("+/]" not in form or b64encode(b64decode(value)).decode() == value, "another Base64")
    form = {dict: "{any}", list: "[any]"}.get(kind, form) if form == "any" else form
    good = form == "any" and kind is not float and (kind is not int or abs(value) < 1 << 53)
    if form[1:-1] in FORM:
        inner = dict.fromkeys(value if kind is dict else range(len(value)), form[1:-1])
        good = kind is (dict if form[0] == "{" else list)
    elif re.match(r"\w+=", form):
        inner = dict(pair.split("=", 1) for pair in form.split())
        good = kind is dict and value.keys() == inner.keys()
    elif kind is str or (value is None and form[:5] == "null|"):
        good = form == "any" or re.fullmatch(form, "null" if value is None else value)
    need(good and deep <= 64 and all(str(k).isascii() for k in inner), f"{what} is no {form[:50]}")
    for key, one in inner.items():
        fit(value[key], one, f"{what}.{key}", deep + 1)
    sizes = [int(tree["size"]) for tree in value] if form in ("[tree]", "[proof]") else []
    need(sizes == sorted({*sizes} - {0}) and sizes[-1:] <= [MOST], "trees in another order")
    return value


def canonical(data: bytes, form: str) -> Any:
    """§1: read JSON of a form that is written in its one spelling (RFC 8785)."""
    marks = re.sub(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^,:[{"]++', b"", data, flags=re.DOTALL)
    need(len(data) <= LIMIT and len(marks) <= VALUES, "a document that is too large")
    value = json.loads(data.decode())
    need(SPELL(value).encode() == data, "JSON that is not in its canonical form")
    return fit(value, form)


def signed_by(public: bytes, data: bytes, signature: bytes) -> bool:
    """§3: Ed25519, or ECDSA on P-256 with SHA-256; the form `public` lets no other key pass."""
    key: Any = serialization.load_der_public_key(public)
    try:
        key.verify(signature, data, *([] if len(public) == 44 else [ec.ECDSA(hashes.SHA256())]))
    except InvalidSignature:
        return False
    return True


def envelope(data: bytes, kind: str) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """§3: return payload, what is signed (PAE), and (keyid, signature) of a DSSE envelope."""
    found = canonical(data, "dsse")
    payload, named = b64decode(found["payload"]), kind.encode()
    signed = [(s["keyid"], b64decode(s["sig"])) for s in found["signatures"]]
    need(signed == sorted(signed)[:16] and found["payloadType"] == kind, "no envelope of its type")
    return payload, b"DSSEv1 %d %b %d %b" % (len(named), named, len(payload), payload), signed


def opened_trust(data: bytes) -> dict[str, Any]:
    """§4: read a trust file that its own root key has signed."""
    payload, pae, signed = envelope(data, "application/vnd.puntual.trust+json")
    found = canonical(payload, "trust")
    root, since = b64decode(found["root"]), [int(t["since"]) for t in found["thresholds"]]
    need(any(signed_by(root, pae, s) for _, s in signed), "a trust file its root did not sign")
    need(since[:1] == [0] and since == sorted(since), "thresholds that do not ascend from 0 on")
    keys = {sha256(b64decode(key["public"])).hexdigest(): key for key in found["keys"]}
    need([k["keyid"] for k in found["keys"]] == sorted(keys)[:1000], "keyids, or another order")
    roles = {(key["name"], key["role"]) for key in found["keys"]}
    need(len(roles) == len({name for name, _ in roles}), "a name with keys in two roles")
    for key in found["keys"]:
        key["counts"] = range(int(key["since"]), int(key["until"] or 10**40))
    return {**found, "id": sha256(root).hexdigest(), "payload": payload, "raw": data}


def climb(first: int, size: int, path: list[bytes], old: bytes, leaf: bytes = b"") -> list[bytes]:
    """§5: return the roots of a smaller and a larger tree; of a leaf, that of the larger alone."""
    end, start = size == 1 if leaf else first == size, [old or leaf] if old or leaf else path
    if end or not path:
        good = end and first == size and len(path) == (not (old or leaf))
        return [start[0]] * 2 if good else [b"", b""]
    left = 1 << (size - 1).bit_length() - 1
    if first <= left:
        one, two = climb(first, left, path[:-1], old, leaf)
        return [one, sha256(b"\1" + two + path[-1]).digest()]
    inner = climb(first - left, size - left, path[:-1], b"", leaf)
    return [sha256(b"\1" + path[-1] + one).digest() for one in inner]


def consistency(data: bytes) -> tuple[Any, dict[int, str]]:
    """§6: read consistency proofs; each of them must hold."""
    found = canonical(data, "since")
    size, root = int(found["size"]), b64decode(found["root"])
    earlier = {int(p["size"]): p["root"] for p in found["proofs"]}
    need(len(earlier) < 65 and max(earlier, default=0) <= size <= MOST, "proofs out of bounds")
    for (first, old), p in zip(earlier.items(), found["proofs"], strict=True):
        roots = climb(first, size, [b64decode(h) for h in p["hashes"]], b64decode(old))
        need(roots == [b64decode(old), root], "a history that was rewritten")
    return (found["origin"], size, root), earlier


def read(path: Path) -> bytes:
    good = not path.is_symlink() and path.is_file() and path.stat().st_size <= LIMIT
    need(good, f"{path.name!r} is no plain file of at most 64 MiB")
    return path.read_bytes()


def named(pairs: Any) -> dict[str, str]:
    need([p["name"] for p in pairs] == sorted({p["name"] for p in pairs}), "names not in order")
    return {p["name"]: p["sha256"] for p in pairs}


def ledger(files: dict[str, bytes], claims: Any, payload: bytes, call: Any, ledgers: Any) -> Any:
    """§4 to §6 and §8: whose signatures count, what the ledger holds, what was seen before."""
    head, _, note = files[PROOF].partition(b"\n\n")
    first, place, *path = head.decode("ascii").split("\n")
    text, _, signed = note.decode().rpartition("\n\n")
    origin, many, root_text = text.split("\n")
    form = first == "c2sp.org/tlog-proof@v1" and re.fullmatch("index (0|[1-9][0-9]{0,12})", place)
    need(form and len(files[PROOF]) <= 1 << 16 and fit(origin, "name"), "no proof of inclusion")
    index, size, root = int(place[6:]), int(fit(many, "count")), b64decode(fit(root_text, "hash"))
    held = ledgers.setdefault(origin, {"root": "", "checkpoints": [], "proven": [], "reports": {}})
    given = [call.trust and read(call.trust.resolve()), held["root"] and b64decode(held["trust"])]
    own, *others = map(opened_trust, filter(None, [files["trust.json"], *given]))
    roots = {call.root.lower(), held["root"], *(t["id"] for t in others)} - {""}
    need(roots == {own["id"]}, f"its root key is {own['id']}, known is {roots or 'none'}")
    twins = [o for o, h in ledgers.items() if h["root"] == own["id"] and not held["root"]]
    need(call.new_ledger or not twins, f"of this root key you hold {twins}, not {origin}")
    need({t["origin"] for t in (own, *others)} == {origin}, "a trust file of another ledger")
    trust = max(own, *others, own, key=lambda t: int(t["version"]))
    same = {t["payload"] for t in (own, *others) if t["version"] == trust["version"]}
    need(len(same) == 1, "two trust files of one version")
    _, pae, signatures = envelope(files[ENVELOPE], IN_TOTO)
    names: dict[str, set[str]] = {"approver": set(), "pipeline": set()}
    for key in (k for k in trust["keys"] if k["role"] in names):
        for signature in (s for keyid, s in signatures if keyid == key["keyid"]):
            need(signed_by(b64decode(key["public"]), pae, signature), f"{key['name']} did not sign")
            names[key["role"]] |= {key["name"]} if index in key["counts"] else set()
    asked = [t for t in trust["thresholds"] if int(t["since"]) <= index][-1]
    for role, least in asked[claims["completeness"]].items():
        need(len(names[role]) >= int(least), f"signed by {len(names[role])} of {least} {role}s")
    said = [f"signed by {role}: {', '.join(sorted(n)) or 'nobody'}" for role, n in names.items()]
    leaf, about = canonical(files[LEAF], "event"), claims["delivery"]
    at = datetime.fromisoformat(leaf["at"]).isoformat(timespec="microseconds")
    told = (leaf["step"], leaf["reference_date"], leaf["facts"]["statement"], at, at[-6:])
    due = (f"attest:{about['report']}", about["reference_date"], sha256(payload).hexdigest())
    need(told == (*due, leaf["at"], "+00:00"), "leaf.json tells of something else")
    hashed, way = sha256(b"\0" + files[LEAF]).digest(), [b64decode(fit(h, "hash")) for h in path]
    good = index < size <= MOST and climb(index + 1, size, way, b"", hashed)[1] == root
    need(good, "the ledger does not hold leaf.json")
    need(re.fullmatch(f"(\u2014 {FORM['name']} [^ \n]+\n){{1,16}}", signed), "no signature lines")
    marks = [(n, b64decode(fit(c, "base64"))) for n, c in re.findall("(.+) (.+)\n", signed)]
    by, body = [all(len(m) > 4 for _, m in marks)], (text + "\n").encode()
    logs = [k["public"] for k in trust["keys"] if k["role"] == "log" and size in k["counts"]]
    for der in map(b64decode, logs):
        raw = origin.encode() + b"\n\1" + der[12:] if len(der) == 44 else der
        hint = (f"\u2014 {origin}", sha256(raw).digest()[:4])
        by += [signed_by(der, body, m[4:]) for n, m in marks if (n, m[:4]) == hint]
    need(all(by) and len(by) > 1, "no log key signed the checkpoint, or not rightly")
    further = (read(path.resolve()) for path in call.consistency)
    proofs = [consistency(data) for data in (files["consistency.json"], *further)]
    need(proofs[0][0] == (origin, size, root), "consistency.json is about another tree")
    rows, proven = ({int(t["size"]): t["root"] for t in held[k]} for k in ("checkpoints", "proven"))
    last, now = max(rows, default=0), rows | {size: root_text}
    need((proven | rows).get(size, root_text) == root_text, f"two histories of {size:,} entries")
    newest = max(index, int(held["reports"].get(about["report"], "0")))
    if rows and size not in rows and not (size in proven and index == newest):
        old, new = sorted((last, size))
        olds = [e.get(old) for tree, e in proofs if tree == (origin, new, b64decode(now[new]))]
        need(now[old] in olds, f"not proven consistent with the {last:,} entries you hold")
    trees = {"checkpoints": now, "proven": proven | proofs[0][1]}
    held |= {k: [{"size": str(s), "root": t[s]} for s in sorted(t)] for k, t in trees.items()}
    held |= {"root": own["id"], "trust": b64encode(trust["raw"]).decode()}
    held["reports"][about["report"]] = str(newest)
    said.append(f"entry {index:,} of {size:,} of {origin} is this statement")
    return [*said, f"consistent with {f'the {last:,}' if rows else 'no'} entries you held before"]


def verified(call: Any, ledgers: Any) -> list[str]:
    """§2, §7: names and sizes first, then what proves, then every file by itself."""
    sizes = {path.name: path.lstat().st_size for path in call.folder.iterdir()}
    need(len(sizes) <= 256 and sum(sizes.values()) <= 4 * LIMIT, "over 256 files or 256 MiB")
    need(sizes.keys() >= PROOFS, f"not signed: {', '.join(sorted(PROOFS - sizes.keys()))} missing")
    files = {n: read(call.folder / n) for n in sorted(sizes) if n in {*PROOFS, "timestamp.tsr"}}
    payload, _, _ = envelope(files[ENVELOPE], IN_TOTO)
    found = canonical(payload, "stated")
    also = (f" {key}=map" for key in ("policy", "supersedes") if key in found["predicate"])
    claims = fit(found["predicate"], FORM["claims"] + "".join(also))
    about, steps = claims["delivery"], named(claims["manifests"])
    date.fromisoformat(about["reference_date"])
    need(about["id"] == "{report}/{reference_date}/v{version}".format(**about), "an id of others")
    subjects = {s["name"]: s["digest"]["sha256"] for s in found["subject"]}
    due = named(claims["documents"]) | subjects
    full = subjects.keys() >= {"exceptions.json", "exceptions.txt"} and len(found["subject"]) == 3
    once = len(due) == 3 + len(claims["documents"]) and due.keys() - subjects.keys() >= DOCUMENTS
    need(once and full and "statement.json" not in due, "another list of files than it must be")
    strays = sorted((sizes.keys() - files.keys()) ^ (due.keys() - {"manifests.json"}))
    need(not strays, f"missing, or foreign to the statement: {', '.join(map(repr, strays))}")
    opened = zlib.decompressobj(wbits=31)
    packed = opened.decompress(files["manifests.json.gz"], LIMIT + 1)
    need(opened.eof and not opened.unused_data and len(packed) <= LIMIT, "no single gzip member")
    held = {"manifests.json": packed, "exceptions.json": read(call.folder / "exceptions.json")}
    for name, digest in due.items():
        data = held[name] if name in held else read(call.folder / name)
        need(sha256(data).hexdigest() == digest, f"{name!r} is not the file that was stated")
    told = canonical(held["exceptions.json"], "map")
    listed = (told["delivery"], told["completeness"], str(len(fit(told["exceptions"], "[map]"))))
    need(listed == (about["id"], claims["completeness"], claims["exceptions"]), "exceptions.json")
    texts = canonical(packed, "texts")["manifests"]
    need(all(sha256(t.encode()).hexdigest() == d for d, t in texts.items()), "a manifest altered")
    need(set(steps.values()) == set(texts), "manifests are missing or foreign")
    known = named(claims["files"]) | steps
    for step, digest in steps.items():
        one = canonical(texts[digest].encode(), "manifest")
        same = (one["step"], one["reference_date"]) == (step, about["reference_date"])
        need(same, f"the manifest stated for {step!r} is another step's or day's")
        need(all(known.get(n, d) == d for n, d in named(one["inputs"]).items()), f"chain: {step!r}")
    said = f"{about['id']}, {claims['completeness']}: every file is the one stated"
    return [said, *ledger(files, claims, payload, call, ledgers)]


def main(arguments: list[str] | None = None) -> int:
    asked = argparse.ArgumentParser(description="Verify a delivery of puntual, offline.")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--root", default="", help="fingerprint of the root key, from paper")
    asked.add_argument("--trust", type=Path, help="a trust file that was handed over")
    asked.add_argument("--state", type=Path, help="what is remembered of ledgers")
    asked.add_argument("--consistency", type=Path, action="append", default=[])
    asked.add_argument("--new-ledger", action="store_true", help="a second one of the same root")
    call = asked.parse_args(arguments)
    state = call.state or Path.home() / ".local/state/puntual/verifier.json"
    try:
        fresh = {"schema": "puntual/verifier/1", "ledgers": {}}
        lying = state.exists() or state.is_symlink()
        memory = canonical(read(state), "memory") if lying else fresh
        said = verified(call, memory["ledgers"])
        state.parent.mkdir(parents=True, exist_ok=True)
        state.with_suffix(".new").write_text(SPELL(memory))
        state.with_suffix(".new").replace(state)
    except Exception as wrong:  # whatever goes wrong, nothing is verified
        print(f"  not proven: {wrong}\nNOT VERIFIED")
        return 1
    print(*said, PROVEN, "VERIFIED at level 1", sep="\n  ")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

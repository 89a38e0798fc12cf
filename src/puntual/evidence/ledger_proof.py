"""
Level 1 of a signed package: whose signatures count, and what its ledger proves.

Bytes in, lines and a new memory out. Nothing is taken on the package's own word: the root key
must be known from elsewhere. Specification: `docs/reference/evidence-format.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from puntual.errors import EvidenceError
from puntual.evidence import dsse, ledger_files, merkle, tlog, trust
from puntual.evidence.digest import sha256
from puntual.evidence.ledger import Event
from puntual.evidence.ledger import decode as decode_entry
from puntual.evidence.ledger_files import Consistency, Earlier, Held
from puntual.evidence.statement import Statement
from puntual.evidence.tlog import Proof
from puntual.evidence.trust import Trust, Verifier
from puntual.evidence.verify import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What a verifier knows beforehand.

    Attributes:
        root: Fingerprint of the root key, from paper; "" where it is not given.
        trust: A trust file that was handed over, as it was read; b"" for none.
        memory: What it remembers of each ledger, by origin.
        proofs: More consistency proofs, such as `puntual ledger prove` writes.
        new_ledger: A ledger that was never seen is taken although another one is remembered
            under the same root key.
    """

    root: str = ""
    trust: bytes = b""
    memory: Mapping[str, Held] = field(default_factory=dict)
    proofs: tuple[bytes, ...] = ()
    new_ledger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What came of it; `held` is what is remembered if everything holds, None if it does not."""

    lines: tuple[Line, ...]
    origin: str = ""
    held: Held | None = None


def prove(
    stated: Statement, data: bytes, files: Mapping[str, bytes], known: Known, verifies: Verifier
) -> Proven:
    """
    Say what the signatures and the ledger's files of a package prove.

    Args:
        stated: The statement.
        data: Its bytes.
        files: The files of `ledger_files` that lie in the package.
        known: What is known beforehand.
        verifies: Judges one signature.
    """
    missing = sorted(ledger_files.NEEDED - files.keys())
    if missing:
        return Proven(lines=tuple(_bad(f"{name} is missing: not signed") for name in missing))
    try:
        envelope = dsse.decode(files[ledger_files.ENVELOPE], dsse.STATEMENT)
        proof = tlog.decode(files[ledger_files.PROOF])
        consistency = ledger_files.decode(files[ledger_files.CONSISTENCY])
        more = [ledger_files.decode(p) for p in known.proofs]
        own = trust.opened(files[ledger_files.TRUST], verifies)
    except EvidenceError as error:
        return Proven(lines=(_bad(f"the proof cannot be read: {error.message}"),))
    origin = proof.checkpoint.origin
    held = known.memory.get(origin)
    lines, best = _trusted(own, files[ledger_files.TRUST], origin, known, held, verifies)
    if best is None:
        return Proven(lines=tuple(lines), origin=origin)
    chosen, raw = best
    lines += _signed(stated, envelope, chosen, proof.index, verifies)
    if envelope.payload != data:
        lines.append(_bad("the envelope signs another statement"))
    lines += _recorded(stated, data, files[ledger_files.LEAF], proof)
    lines += _checkpoint(chosen, proof, verifies)
    lines += _sound(consistency, proof)
    lines += _also_sound(more)
    report = stated.delivery.partition("/")[0]
    before = held or Held(root="", trust=b"", checkpoints={})
    lines += _continued(proof, report, [consistency, *more], before)
    if any(line.ok is False for line in lines):
        return Proven(lines=tuple(lines), origin=origin)
    now = Held(
        root=trust.fingerprint(chosen.root),
        trust=raw,
        checkpoints={**before.checkpoints, proof.checkpoint.size: proof.checkpoint.root},
        proven={**before.proven, **{e.size: e.root for e in consistency.earlier}},
        reports={**before.reports, report: max(proof.index, before.reports.get(report, 0))},
    )
    return Proven(lines=tuple(lines), origin=origin, held=now)


def _trusted(
    own: Trust, data: bytes, origin: str, known: Known, held: Held | None, verifies: Verifier
) -> tuple[list[Line], tuple[Trust, bytes] | None]:
    """Choose the newest trust file of the root key that is known; None if it is not known."""
    offered = [(own, data)]
    given: Trust | None = None
    try:
        if known.trust:
            given = trust.opened(known.trust, verifies)
            offered.append((given, known.trust))
        if held is not None:
            offered.append((trust.opened(held.trust, verifies), held.trust))
    except EvidenceError as error:
        return [_bad(f"a trust file cannot be read: {error.message}")], None
    roots = {r for r in (known.root, held.root if held is not None else "") if r}
    roots |= {trust.fingerprint(given.root)} if given is not None else set()
    brought = trust.fingerprint(own.root)
    if not roots:
        sentence = f"no root key is known for {origin}: the package brings its own, {brought}"
        return [_bad(sentence)], None
    if roots != {brought}:
        return [_bad(f"the package was signed under another root key, {brought}")], None
    others = sorted(o for o, h in known.memory.items() if held is None and h.root == brought)
    if others and not known.new_ledger:
        return [_bad(_another(others[0], origin))], None
    if any(t.origin != origin for t, _ in offered):
        return [_bad(f"a trust file is of another ledger than {origin}")], None
    newest = max(t.version for t, _ in offered)
    best = [(t, raw) for t, raw in offered if t.version == newest]
    if any(t != best[0][0] for t, _ in best):
        return [_bad(f"there are two trust files of version {newest}")], None
    sentence = f"trust file {newest} of {origin}, under the root key {brought[:16]}…"
    return [_good(sentence)], best[0]


def _another(seen: str, origin: str) -> str:
    """Say that one root key has two ledgers: a history begun anew would look like this."""
    return (
        f"under this root key you hold the ledger {seen}, not {origin}: its history may have been "
        "begun anew; --new-ledger takes it, if the institution says that it is a second one"
    )


def _signed(
    stated: Statement, envelope: dsse.Envelope, chosen: Trust, index: int, verifies: Verifier
) -> Iterator[Line]:
    found = trust.vouched(chosen, envelope, index, verifies)
    for name in found.wrong:
        yield _bad(f"the signature of {name} does not hold")
    for name in found.ended:
        yield Line(level=1, ok=None, sentence=f"the key of {name} does not count at entry {index}")
    if stated.completeness is None:
        yield _bad("a held report is no delivery")
        return
    for role, needed in chosen.needed(stated.completeness, index).items():
        names = sorted(found.names[role])
        if len(names) < needed:
            yield _bad(f"signed by {len(names)} of {needed} {role} keys")
        elif names:
            yield _good(f"signed by {role}: {', '.join(names)} ({needed} needed)")
        else:
            yield Line(level=1, ok=None, sentence=f"the trust file asks for no {role}: none signed")


def _recorded(stated: Statement, data: bytes, leaf: bytes, proof: Proof) -> Iterator[Line]:
    try:
        told = decode_entry(leaf).told
    except EvidenceError as error:
        yield _bad(f"leaf.json is no entry of a ledger: {error.message}")
        return
    report, day, _ = stated.delivery.split("/")
    about = (told.event, told.step, told.reference_date, told.facts.get("statement"))
    if about != (Event.ATTEST, f"attest:{report}", day, sha256(data)):
        yield _bad("leaf.json tells of something else than this statement")
    elif not proof.holds(leaf):
        yield _bad(f"the ledger does not hold leaf.json at entry {proof.index}")
    else:
        size = proof.checkpoint.size
        yield _good(f"ledger: entry {proof.index:,} of {size:,} is this statement")


def _checkpoint(chosen: Trust, proof: Proof, verifies: Verifier) -> Iterator[Line]:
    names = trust.of_log(chosen, proof.checkpoint, verifies)
    if names:
        yield _good(f"ledger: checkpoint of {proof.checkpoint.size:,} entries signed by the log")
    else:
        yield _bad("the checkpoint is not signed by a log key that counts")


def _sound(found: Consistency, proof: Proof) -> Iterator[Line]:
    """The package's own consistency proofs must hold, whether or not they are needed."""
    made = proof.checkpoint
    if (found.origin, found.size, found.root) != (made.origin, made.size, made.root):
        yield _bad("consistency.json is about another checkpoint")
    elif not all(_holds(found, e) for e in found.earlier):
        yield _bad("a consistency proof does not hold: the history was rewritten")


def _also_sound(offered: Iterable[Consistency]) -> Iterator[Line]:
    """Further proofs are judged like the package's own: who offers a false one has more to say."""
    for found in offered:
        if not all(_holds(found, e) for e in found.earlier):
            yield _bad("a further consistency proof does not hold: the history was rewritten")


def _continued(proof: Proof, report: str, offered: list[Consistency], held: Held) -> Iterator[Line]:
    """
    Compare with what was seen before, and refuse to go backwards.

    A package of an older tree that a newer one has proven to be its beginning is of the same
    history: two reports of one run come in either order. Of one report it must be the newest
    that was seen, so that none that was replaced is shown for the one that replaced it.
    """
    now = proof.checkpoint
    if not held.checkpoints:
        sentence = (
            f"no earlier checkpoint was held; {now.size:,} entries are remembered from now on"
        )
        yield Line(level=1, ok=None, sentence=sentence)
        return
    seen = {**held.proven, **held.checkpoints}.get(now.size, now.root)
    if seen != now.root:
        yield _bad(f"two histories: another tree of {now.size:,} entries was seen before")
        return
    if now.size in held.checkpoints:
        yield _good(f"ledger: this checkpoint of {now.size:,} entries was seen before")
        return
    last = max(held.checkpoints)
    if now.size in held.proven and proof.index >= held.reports.get(report, 0):
        yield _good(f"ledger: {now.size:,} entries, proven to begin the {last:,} that you hold")
        return
    first, second = min(last, now.size), max(last, now.size)
    roots = {**held.checkpoints, now.size: now.root}
    origin = now.origin
    for found in offered:
        if (found.origin, found.size, found.root) != (origin, second, roots[second]):
            continue
        for earlier in found.earlier:
            if (earlier.size, earlier.root) == (first, roots[first]) and _holds(found, earlier):
                yield _good(f"ledger: consistent with your checkpoint, {last:,} → {now.size:,}")
                return
    if now.size < last:
        yield _bad(
            f"older than the checkpoint you hold ({now.size:,} < {last:,} entries) and never seen: "
            f"ask for `puntual ledger prove --from {now.size} --to {last}`"
        )
    else:
        yield _bad(
            f"not proven to extend the checkpoint you hold ({last:,} entries): "
            f"ask for `puntual ledger prove --from {last} --to {now.size}`"
        )


def _holds(found: Consistency, earlier: Earlier) -> bool:
    return merkle.extends(earlier.size, found.size, earlier.path, earlier.root, found.root)


def remembered(memory: Mapping[str, Held], proven: Proven) -> dict[str, Held]:
    """Return a memory with what a package has proven; unchanged if something does not hold."""
    if proven.held is None:
        return dict(memory)
    return {**memory, proven.origin: replace(proven.held)}


def _good(sentence: str) -> Line:
    return Line(level=1, ok=True, sentence=sentence)


def _bad(sentence: str) -> Line:
    return Line(level=1, ok=False, sentence=sentence)

"""
Offline verification of a package: bytes in, verdict out.

Level 1 needs the package alone; level 2 the objects that its manifests name. Every line says
what was looked at, and whether it holds; None means that it was not asked or cannot be known.
Counts and sums are made again by an engine, outside; `compare_totals` judges them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from puntual.errors import EvidenceError
from puntual.evidence import canonical, package, shape, statement
from puntual.evidence import manifest as manifests
from puntual.evidence.digest import sha256
from puntual.evidence.statement import Statement
from puntual.evidence.text import NOT_PROVEN
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals

Read = Callable[[str], bytes]
"""File name → its bytes; an EvidenceError is a line that does not hold."""

MAX_FILES = 256
"""Most files that lie in a package's folder; it has a dozen or two."""

Look = Callable[[ObjectRef], tuple[int, Digest] | None]
"""Object → its size and digest as they are now; None when it is not at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was verified: at which level, whether it holds, and in words."""

    level: int
    ok: bool | None
    sentence: str


def verify(
    names: Iterable[str], read: Read, look: Look | None = None, *, lying: int | None = None
) -> tuple[Line, ...]:
    """
    Verify a package.

    Args:
        names: Every file that the package holds, once the packed ones are opened.
        read: Gives the bytes of one of them.
        look: Says what an object is now; None: level 2 is not asked.
        lying: How many files lie in its folder; None: as many as there are names.

    Returns:
        What holds and what does not. Who vouches for it is `ledger_proof`'s answer, and what
        no package proves stands in `unproven`.
    """
    listed = sorted(names)
    if (many := len(listed) if lying is None else lying) > MAX_FILES:
        return (_bad(f"{many} files are no package: it has at most {MAX_FILES}"),)
    held, documents, unread = _held(listed, read)
    if package.STATEMENT not in held:
        return (*unread, _bad("statement.json is missing: nothing can be verified"))
    try:
        found = statement.decode(documents[package.STATEMENT])
    except EvidenceError as error:
        return (*unread, _bad(f"statement.json is not a statement: {error.message}"))
    made, lines = _manifests(found, documents)
    return (
        *unread,
        Line(level=1, ok=True, sentence=f"statement.json is canonical: {found.delivery}"),
        *_files(found, held),
        *_exceptions(found, documents),
        *lines,
        *_chain(found, made),
        *_objects(made, look),
    )


def holds(lines: Iterable[Line]) -> bool:
    """Say whether everything that was asked holds."""
    return all(line.ok is not False for line in lines)


def unproven() -> tuple[Line, ...]:
    """Return what no package proves, one line each."""
    text = "\n".join(NOT_PROVEN).replace("\n  ", " ")
    return tuple(
        Line(level=1, ok=None, sentence=f"not proven: {sentence}") for sentence in text.split("\n")
    )


def compare_totals(expected: Totals, observed: Totals) -> tuple[str, ...]:
    """
    Compare control totals, exactly.

    Returns:
        One sentence for each difference, sorted; none when all that both sides have agrees. A
        sum that one side has not is a difference.
    """
    found = []
    if expected.records != observed.records:
        found.append(f"records: expected {expected.records:,}, observed {observed.records:,}")
    for name in expected.sums.keys() | observed.sums.keys():
        one, other = expected.sums.get(name), observed.sums.get(name)
        if one is None or other is None or one != other:
            found.append(f"sum of {name}: expected {_shown(one)}, observed {_shown(other)}")
    comparable = expected.algorithm == observed.algorithm
    taken = expected.key_digest and observed.key_digest
    if comparable and taken and expected.key_digest != observed.key_digest:
        found.append(f"keys: expected {expected.key_digest}, observed {observed.key_digest}")
    return tuple(sorted(found))


def manifests_of(read: Read) -> dict[Digest, Manifest]:
    """
    Return the manifests of a package, by digest, for what an engine is to count again.

    Raises:
        EvidenceError: V2001, V2002 they have another form; V3001 a digest does not hold.
    """
    texts = package.read_manifests(read(package.MANIFESTS))
    for digest, data in texts.items():
        if sha256(data) != digest:
            raise EvidenceError(
                "V3001",
                "a manifest is not the one that its digest names",
                where=package.MANIFESTS,
                expected=digest,
                observed=sha256(data),
                next_step="compare the package with the copy that was delivered",
            )
    return {digest: manifests.decode(data) for digest, data in texts.items()}


def _held(
    names: Iterable[str], read: Read
) -> tuple[dict[str, Digest], dict[str, bytes], list[Line]]:
    """Read each file once; the bytes of the three that are looked into are kept, no others."""
    held, documents, unread = {}, {}, []
    for name in names:
        try:
            data = read(name)
        except EvidenceError as error:
            unread.append(_bad(f"{name} was not read: {error.message}"))
            continue
        held[name] = sha256(data)
        if name in (package.STATEMENT, package.EXCEPTIONS, package.MANIFESTS):
            documents[name] = data
    return held, documents, unread


def _files(found: Statement, held: Mapping[str, Digest]) -> Iterator[Line]:
    named = {**found.documents, **found.subjects}
    for name in sorted(named):
        if name not in held:
            yield _bad(f"{name} is missing")
        else:
            same = held[name] == named[name]
            word = "is" if same else "is not"
            yield Line(level=1, ok=same, sentence=f"{name} {word} the file that was stated")
    for name in sorted(held.keys() - named.keys() - {package.STATEMENT}):
        yield _bad(f"{name} is foreign: the statement does not name it")
    missing = {package.MANIFESTS, package.VERIFY, package.PAGE} - found.documents.keys()
    missing |= {package.EXCEPTIONS, package.EXCEPTIONS_TEXT} - found.subjects.keys()
    for name in sorted(missing):
        yield _bad(f"the statement does not name {name}")
    if len(found.subjects) != 3:
        yield _bad(f"{len(found.subjects)} subjects: a delivery has its report and two more")


def _exceptions(found: Statement, held: Mapping[str, bytes]) -> Iterator[Line]:
    if package.EXCEPTIONS not in held:
        return
    try:
        document = shape.mapping(canonical.decode(held[package.EXCEPTIONS]), "$")
        listed = shape.items(document.get("exceptions"), shape.mapping, "$.exceptions")
    except EvidenceError as error:
        yield _bad(f"exceptions.json is not a document of exceptions: {error.message}")
        return
    stated = (found.delivery, found.completeness, found.exceptions)
    same = stated == (document.get("delivery"), document.get("completeness"), len(listed))
    word = "agree" if same else "do not agree"
    sentence = f"exceptions.json ({len(listed)} exceptions) and the statement {word}"
    yield Line(level=1, ok=same, sentence=sentence)


def _manifests(
    found: Statement, held: Mapping[str, bytes]
) -> tuple[dict[Digest, Manifest], tuple[Line, ...]]:
    if package.MANIFESTS not in held:
        return {}, ()
    try:
        made = manifests_of(held.__getitem__)
    except EvidenceError as error:
        return {}, (_bad(f"manifests.json: {error.message}"),)
    missing = sorted(s for s, d in found.manifests.items() if d not in made)
    extra = made.keys() - set(found.manifests.values())
    steps = {made[d].step for d in found.manifests.values() if d in made}
    wrong = sorted(s for s, d in found.manifests.items() if d in made and made[d].step != s)
    lines = [
        *(_bad(f"the manifest of {step} is missing") for step in missing),
        *(_bad(f"the manifest stated for {step} is another step's") for step in wrong),
    ]
    if extra:
        lines.append(_bad(f"{len(extra)} manifests are foreign: the statement does not name them"))
    if not lines:
        sentence = f"{len(steps)} manifests are the ones that were stated"
        lines.append(Line(level=1, ok=True, sentence=sentence))
    return made, tuple(lines)


def _chain(found: Statement, made: Mapping[Digest, Manifest]) -> Iterator[Line]:
    days = {found.delivery.split("/")[1]} if found.delivery.count("/") == 2 else set()
    broken, open_ends = [], []
    for one in made.values():
        if one.reference_date.isoformat() not in days:
            yield _bad(f"the manifest of {one.step} is of another day")
        for name, digest in one.inputs.items():
            accounted = _accounted(found, one, name, digest)
            if accounted is False:
                broken.append(f"{one.step} ← {name}")
            elif accounted is None:
                open_ends.append(f"{one.step} ← {name}")
    for link in sorted(broken):
        yield _bad(f"the chain is broken: {link} was made from other bytes than were stated")
    if made and not broken:
        yield Line(level=1, ok=True, sentence="every step was made from what was stated")
    if open_ends:
        sentence = f"{len(open_ends)} inputs are named by digest alone: {min(open_ends)}, …"
        yield Line(level=1, ok=None, sentence=sentence)


def _accounted(found: Statement, one: Manifest, name: str, digest: Digest) -> bool | None:
    """Say whether an input is the stated one; None if the package says nothing of it."""
    stated = {**found.files, **found.manifests}
    if name in stated:
        return stated[name] == digest
    return True if digest in {o.sha256 for o in one.objects} else None


def _objects(made: Mapping[Digest, Manifest], look: Look | None) -> Iterator[Line]:
    refs = {o.name: o for one in made.values() for o in one.objects}
    if look is None:
        yield Line(level=2, ok=None, sentence=f"{len(refs)} objects were not looked at")
        return
    wrong = 0
    for name in sorted(refs):
        observed = look(refs[name])
        if observed != (refs[name].bytes, refs[name].sha256):
            wrong += 1
            word = "missing" if observed is None else "altered"
            yield Line(level=2, ok=False, sentence=f"{name} is {word}")
    if not wrong:
        sentence = f"{len(refs)} objects have the sizes and digests of their manifests"
        yield Line(level=2, ok=True, sentence=sentence)


def _shown(value: object) -> str:
    return "none" if value is None else f"{value:,f}"


def _bad(sentence: str) -> Line:
    return Line(level=1, ok=False, sentence=sentence)

"""
Lands a day's files: whole ones are pinned, examined, counted and kept, refused ones too.

What a source puts into its folder is never moved or removed; what was landed once stays landed
when the folder is cleaned.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

from puntual.evidence.declared import SOURCE, changed
from puntual.evidence.facts import list_from_json
from puntual.failpoints import failpoint
from puntual.landing.accept import Judged, examined, landed_before
from puntual.landing.aside import is_aside
from puntual.landing.control import Vouched, read_file
from puntual.landing.desk import Desk, notice, raw_prefix
from puntual.landing.late import Look, counted, late_detail, late_prefix
from puntual.landing.seal import Side, judge, merge
from puntual.landing.templates import expand
from puntual.model.check import OnFail, Severity
from puntual.model.contract import Contract, Csv, JsonLines, Parquet
from puntual.model.finding import Finding
from puntual.model.manifest import Manifest, ObjectRef, Totals
from puntual.model.seal import Seal, SealStatus
from puntual.model.shown import in_ascii
from puntual.model.source import ControlFile, FileSource, Marker
from puntual.ports.drop import DroppedFile
from puntual.ports.landing import LandedDay

AT_ONCE = 4
"""Files that are copied and hashed at the same time."""

_SUFFIXES = {Csv: ".csv", JsonLines: ".jsonl", Parquet: ".parquet"}


def land(desk: Desk, source: FileSource, contract: Contract, day: date) -> LandedDay:
    """
    Land and seal a day's files; a day that is sealed as matched is not given here.

    Raises:
        PermanentError: S1301 the folder may not be read; T1001-T1003 the store cannot be
            written; T3001 the engine has no memory left.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    _, before = desk.manifest(f"land:{source.name}/{day.isoformat()}")
    arrived, half = _taken(desk, source, contract, day)
    moved = before is not None and SOURCE in changed(before, source, contract)
    files, replaced = _merged(None if moved else before, arrived)
    judged = _judged(desk, source, contract, day, files)
    control = source.control
    vouched = (
        read_file(desk, source.name, day, control)
        if isinstance(control, ControlFile)
        else Vouched()
    )
    side = _side(contract, judged, tuple(f"{name} is not whole yet" for name in half))
    seal, findings = judge(source.name, day, side, vouched, control)
    agreed = seal.status is SealStatus.MATCHED
    return LandedDay(
        objects=(
            *(j.ref for j in judged if j.ref.role == "data"),
            *(j.ref for j in judged if j.ref.role != "data"),
            *replaced,
            *vouched.objects,
        ),
        seal=seal,
        findings=(
            *findings,
            *_half(source, half),
            *_passed_over(desk, source, day),
            *_noticed(source, judged, agreed=agreed),
            *_replaced(source, replaced),
        ),
    )


def side_of(
    desk: Desk, source: FileSource, contract: Contract, day: date, files: Sequence[ObjectRef]
) -> tuple[Side, tuple[ObjectRef, ...], Callable[[Seal], tuple[Finding, ...]]]:
    """
    Examine and count files that are kept already.

    Returns:
        Our side of a seal, the files with their roles (data first), and what is noticed of
        them under a seal.
    """
    judged = _judged(desk, source, contract, day, files)
    objects = (
        *(j.ref for j in judged if j.ref.role == "data"),
        *(j.ref for j in judged if j.ref.role != "data"),
    )

    def noticed(seal: Seal) -> tuple[Finding, ...]:
        return tuple(_noticed(source, judged, agreed=seal.status is SealStatus.MATCHED))

    return _side(contract, judged, ()), objects, noticed


def _taken(
    desk: Desk, source: FileSource, contract: Contract, day: date
) -> tuple[list[ObjectRef], list[str]]:
    """Keep every whole file that lies in the drop; return them, and the names of the others."""
    folder = desk.objects.scratch(f"land-{source.name}-{day.isoformat()}")

    def keep(file: DroppedFile) -> ObjectRef | None:
        path = desk.drop.pin(file, folder) if _whole(desk, source, file) else None
        if path is None:
            return None
        failpoint("landing.pinned")
        kept = desk.objects.put_file(
            raw_prefix(source.name, day),
            path,
            suffix=_SUFFIXES[type(contract.format)],
            detail={"name": in_ascii(file.name)},
        )
        failpoint("landing.kept")
        return kept

    files = _listed(desk, source, day)
    try:
        # Copying, hashing and waiting for the disk of one file leave room for another's.
        with ThreadPoolExecutor(AT_ONCE) as pool:
            kept = tuple(pool.map(keep, files))
    finally:
        desk.objects.discard(folder)
    half = [in_ascii(f.name) for f, ref in zip(files, kept, strict=True) if ref is None]
    return [ref for ref in kept if ref is not None], half


def _listed(desk: Desk, source: FileSource, day: date) -> tuple[DroppedFile, ...]:
    files = desk.drop.list(expand(source.pattern, day))
    if isinstance(source.complete, Marker):
        return tuple(f for f in files if not f.name.endswith(source.complete.suffix))
    return files


def _whole(desk: Desk, source: FileSource, file: DroppedFile) -> bool:
    if isinstance(source.complete, Marker):
        return bool(desk.drop.list(glob.escape(file.path) + source.complete.suffix))
    return file.age >= source.complete.seconds


def _merged(
    before: Manifest | None, arrived: Sequence[ObjectRef]
) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """
    Join what lies in the drop with what was landed by an earlier run of this day.

    Returns:
        Files by name, and those of which another version has come since (role `refused`).
    """
    names = {o.detail["name"] for o in arrived}
    digests = {o.sha256 for o in arrived}
    files, replaced = list(arrived), []
    for ref in before.objects if before else ():
        if ref.role == "control" or ref.sha256 in digests or is_aside(ref):
            continue
        if ref.detail.get("reason") == "S2007" or ref.detail["name"] in names:
            detail = {"name": ref.detail["name"], "reason": "S2007"}
            replaced.append(replace(ref, role="refused", detail=detail))
        else:
            files.append(replace(ref, role="data", detail={"name": ref.detail["name"]}))
    return sorted(files, key=lambda o: o.detail["name"]), replaced


def _judged(
    desk: Desk, source: FileSource, contract: Contract, day: date, files: Sequence[ObjectRef]
) -> list[Judged]:
    known = landed_before(desk, source.name, day)
    different = {ref.sha256: ref for ref in reversed(files)}
    # The engine has one thread for each file; how many go at once is for it to say.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda ref: examined(desk, contract, day, ref, known), different.values())
        first = {judged.ref.name: judged for judged in found}
    judged: list[Judged] = []
    for ref in files:
        same = different[ref.sha256] is ref
        one = first[ref.name] if same else examined(desk, contract, day, ref, known)
        if one.ref.role == "data" and one.landed.records:
            known[ref.sha256] = f"{ref.detail['name']} of this day"
        judged.append(one)
    return judged


def _side(contract: Contract, judged: Sequence[Judged], unfinished: tuple[str, ...]) -> Side:
    return Side(
        landed=merge((j.landed for j in judged), contract),
        digests=tuple(j.ref.sha256 for j in judged if j.ref.role == "data"),
        came=bool(judged),
        unfinished=unfinished,
        parts={
            j.ref.detail["name"]: Totals(records=j.landed.records, sums=j.landed.sums)
            for j in judged
            if j.ref.role == "data"
        },
    )


def _noticed(source: FileSource, judged: Sequence[Judged], *, agreed: bool) -> Iterator[Finding]:
    """A refused file holds the delivery, unless the day agrees with its control without it."""
    for one in judged:
        for trouble in one.troubles:
            if trouble.code == "S2009" and agreed:
                continue
            yield notice(
                trouble.code,
                source.name,
                f"{one.ref.detail['name']} {trouble.message}",
                expected=trouble.expected,
                observed=trouble.observed,
                warn=agreed or not (trouble.refused or trouble.code == "S2009"),
            )


def _half(source: FileSource, names: Sequence[str]) -> Iterator[Finding]:
    complete = source.complete
    expected = (
        f"a marker {complete.suffix} beside it"
        if isinstance(complete, Marker)
        else f"no change for {complete.seconds} s"
    )
    for name in names:
        message = f"{name} is still being written; it is not landed yet"
        yield notice("S2001", source.name, message, expected=expected, observed="not whole")


def _passed_over(desk: Desk, source: FileSource, day: date) -> Iterator[Finding]:
    """Say what lies there under a file's name and was not read, since it is no file."""
    for found in desk.drop.passed_over(expand(source.pattern, day)):
        message = f"{in_ascii(found.name)} is {found.kind}; it was not read, nor followed"
        yield notice(
            "S2019",
            source.name,
            message,
            expected="a regular file",
            observed=found.kind,
            warn=True,
        )


def _replaced(source: FileSource, refs: Sequence[ObjectRef]) -> Iterator[Finding]:
    for ref in refs:
        message = f"{ref.detail['name']} came again with other bytes; the newest counts"
        observed = f"earlier sha256 {ref.sha256[:12]}"
        yield notice("S2007", source.name, message, observed=observed, warn=True)


def find_late(look: Look, source: FileSource) -> tuple[tuple[ObjectRef, ...], tuple[Finding, ...]]:
    """
    Keep the files of a day that are new, or have other bytes than before, since it was sealed.

    A file whose bytes are known of the day is nothing new, whatever its name.

    Returns:
        The new files by name, role `late`, examined and counted as any file; and what lies
        there and is not whole yet, or is no file and was not said at the seal.

    Raises:
        PermanentError: S1301 the folder may not be read; T1001-T1003 the store cannot be
            written; T3001 the engine has no memory left.
    """
    fresh, half = _new(look, source)
    names = {o.detail.get("name") for o in look.sealed.objects}
    known = landed_before(look.desk, source.name, look.day) if fresh else {}
    late = [
        _late(
            look.desk,
            examined(look.desk, look.contract, look.day, ref, known),
            again=ref.detail["name"] in names,
        )
        for ref in fresh
    ]
    said = list_from_json(Finding, look.sealed.facts["findings"])
    return tuple(late), (
        *(replace(f, severity=Severity.WARN, on_fail=OnFail.FLAG) for f in _half(source, half)),
        *(f for f in _passed_over(look.desk, source, look.day) if f not in said),
    )


def _new(look: Look, source: FileSource) -> tuple[list[ObjectRef], list[str]]:
    """Keep whole files whose bytes are not held; return them, and the names of the others."""
    desk, day, held = look.desk, look.day, look.held
    folder = desk.objects.scratch(f"late-{source.name}-{day.isoformat()}")

    def keep(file: DroppedFile) -> ObjectRef | str | None:
        if desk.drop.digest(file) in held:
            return None
        path = desk.drop.pin(file, folder) if _whole(desk, source, file) else None
        if path is None:
            return in_ascii(file.name)
        return desk.objects.put_file(
            late_prefix(source.name, day),
            path,
            suffix=_SUFFIXES[type(look.contract.format)],
            role="late",
            detail={"name": in_ascii(file.name)},
        )

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            seen = list(pool.map(keep, _listed(desk, source, day)))
    finally:
        desk.objects.discard(folder)
    fresh: dict[str, ObjectRef] = {}
    for ref in seen:
        if isinstance(ref, ObjectRef) and ref.sha256 not in held:
            fresh.setdefault(ref.sha256, ref)
    return list(fresh.values()), [name for name in seen if isinstance(name, str)]


def _late(desk: Desk, judged: Judged, *, again: bool) -> ObjectRef:
    """Return a late file with the sentence that names it; `again`: a sealed file has its name."""
    ref, name = judged.ref, judged.ref.detail["name"]
    other = "again with other bytes " if again else ""
    troubles = [f"it {t.message} ({t.code})" for t in judged.troubles]
    read = [] if ref.role == "refused" else [counted(judged.landed.records)]
    sentence = f"{name} came {other}after the day was sealed: {'; '.join(read + troubles)}"
    return replace(ref, role="late", detail=late_detail(desk, "S2008", sentence, ref.detail))

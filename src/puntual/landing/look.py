"""
Looks at a source for what came after its day was sealed, and keeps that apart.

A source that does not answer is said not to have been looked at; it never undoes a delivery.
What was seen by an earlier look is not kept, counted or said a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import assert_never

from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.evidence.digest import sha256
from puntual.evidence.facts import list_from_json
from puntual.landing import extract, files, stream
from puntual.landing.control import MAX_BYTES, read_kept
from puntual.landing.desk import Desk, notice, of_role
from puntual.landing.late import Look, late_detail, late_pointer, late_prefix
from puntual.landing.publish import Job
from puntual.landing.seal import totals
from puntual.landing.templates import expand
from puntual.model.contract import Contract
from puntual.model.finding import Finding
from puntual.model.manifest import ObjectRef
from puntual.model.source import ControlFile, DatabaseSource, FileSource, Source, StreamSource
from puntual.ports.landing import LateDay

_SOURCES_FAULT = "S1"
"""Family of the codes that say a source does not answer or may not be read."""

Found = tuple[tuple[ObjectRef, ...], tuple[Finding, ...]]
"""New objects (role `late`), and what else was noticed."""


def land_late(desk: Desk, source: Source, contract: Contract, day: date, *, epoch: int) -> LateDay:
    """
    Keep what a source has for a day beyond what is landed; see the port.

    Raises:
        TransientError: S2030 another run landed meanwhile; T2002 the store of pointers did not
            answer.
        PermanentError: T1001-T1003 the store cannot be written; T2001 the lease was lost;
            T3001 the engine has no memory left.
        EvidenceError: V1001, V1002, V2001, V2002 what was landed before is missing or altered.
    """
    _, sealed = desk.manifest(f"land:{source.name}/{day.isoformat()}")
    if sealed is None:
        return LateDay(objects=(), findings=())
    said: list[Finding] = []
    if isinstance(source, StreamSource):
        job = Job(desk=desk, source=source, contract=contract, day=day, epoch=epoch, looks=True)
        # First, since it publishes late records itself.
        said += _asked(source, lambda: ((), stream.read_late(job)))[1]
    seen, before = desk.manifest(late_pointer(source.name, day))
    look = Look(desk=desk, contract=contract, day=day, sealed=sealed, before=before)
    fresh: list[ObjectRef] = []
    for ask in (_data, _control):
        objects, noticed = _asked(source, partial(ask, look, source))
        fresh += objects
        said += noticed
    made = look.manifest(source.name, (*look.kept, *fresh), said, previous=seen)
    if fresh or made.facts["findings"] != (before.facts["findings"] if before else []):
        name = late_pointer(source.name, day)
        if not desk.pointers.switch({name: desk.store(made)}, seen={name: seen}, epoch=epoch):
            raise stream.raced(source.name)
    return LateDay(objects=made.objects, findings=list_from_json(Finding, made.facts["findings"]))


def _asked(source: Source, ask: Callable[[], Found]) -> Found:
    """Ask a source; where it does not answer, say that it was not looked at."""
    try:
        return ask()
    except (TransientError, PermanentError) as exc:
        if not exc.code.startswith(_SOURCES_FAULT):
            raise
        return (), (_not_looked(source, exc),)


def _not_looked(source: Source, fault: PuntualError) -> Finding:
    return notice(
        "S2024",
        source.name,
        f"{source.name} was not looked at for late data: {fault.said}",
        expected=fault.expected,
        observed=fault.observed,
        warn=True,
    )


def _data(look: Look, source: Source) -> Found:
    match source:
        case FileSource():
            return files.find_late(look, source)
        case DatabaseSource():
            return extract.find_late(look, source), ()
        case StreamSource():
            return stream.find_late(look, source), ()
        case never:
            assert_never(never)


def _control(look: Look, source: Source) -> Found:
    """Keep a control record that came, or was replaced, after the seal."""
    if not isinstance(source.control, ControlFile):
        return (), ()
    name = expand(source.control.pattern, look.day)
    data = look.desk.drop.read_small(name, MAX_BYTES)
    if data is None or sha256(data) in look.held:
        return (), ()
    before = of_role(look.sealed.objects, "control")
    said = look.desk.objects.read(before[-1]) if before else None
    sentence = (
        f"the control record {name} is another than when the day was sealed: it says "
        f"{_says(look, source, data)}, and said {_says(look, source, said)}"
    )
    kept = look.desk.objects.put_bytes(
        late_prefix(source.name, look.day),
        data,
        suffix=".json",
        role="late",
        detail=late_detail(look.desk, "S2022", sentence, {"name": name}),
    )
    return (kept,), ()


def _says(look: Look, source: Source, record: bytes | None) -> str:
    if record is None:
        return "nothing"
    vouched = read_kept(source.name, look.day, record, ())
    return totals(vouched.record) or "; ".join(f.message for f in vouched.findings)
